"""The networks: functions that return a spec, found by name."""

from shufflenet_flops.zoo import classic as classic
from shufflenet_flops.zoo import mobilenet_v1 as mobilenet_v1
from shufflenet_flops.zoo import resnet as resnet
from shufflenet_flops.zoo import shufflenet_v1 as shufflenet_v1
from shufflenet_flops.zoo import shufflenet_v2 as shufflenet_v2
from shufflenet_flops.zoo import table4 as table4
from shufflenet_flops.zoo import units as units
from shufflenet_flops.zoo.registry import Model as Model
from shufflenet_flops.zoo.registry import Network as Network
from shufflenet_flops.zoo.registry import build as build
from shufflenet_flops.zoo.registry import families as families
from shufflenet_flops.zoo.registry import family_options as family_options
from shufflenet_flops.zoo.registry import find as find
from shufflenet_flops.zoo.registry import names as names
from shufflenet_flops.zoo.registry import parse_options as parse_options
