"""The networks: functions that return a spec, found by name.

Every module of this folder is imported once a name is asked for (`registry`).
"""

from shufflenet_flops.zoo.designs import Design as Design
from shufflenet_flops.zoo.designs import check_used as check_used
from shufflenet_flops.zoo.designs import design_names as design_names
from shufflenet_flops.zoo.designs import find_design as find_design
from shufflenet_flops.zoo.designs import find_unit as find_unit
from shufflenet_flops.zoo.registry import Family as Family
from shufflenet_flops.zoo.registry import Model as Model
from shufflenet_flops.zoo.registry import Network as Network
from shufflenet_flops.zoo.registry import expand as expand
from shufflenet_flops.zoo.registry import families as families
from shufflenet_flops.zoo.registry import find as find
from shufflenet_flops.zoo.registry import find_family as find_family
from shufflenet_flops.zoo.registry import names as names
