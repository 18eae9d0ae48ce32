"""What MODEL means: the zoo, anyone's module, timm, torchvision, a `.pt2` or an `.onnx` file.

Nothing here imports torch before a source that needs it is used.
"""

from shufflenet_flops.sources.inputs import Input as Input
from shufflenet_flops.sources.inputs import parse_input as parse_input
from shufflenet_flops.sources.options import Options as Options
from shufflenet_flops.sources.options import parse_args as parse_args
from shufflenet_flops.sources.resolve import resolve as resolve
from shufflenet_flops.sources.resolve import resolve_all as resolve_all
from shufflenet_flops.sources.source import Counted as Counted
from shufflenet_flops.sources.source import Source as Source
from shufflenet_flops.sources.zoo_networks import from_model as from_model
