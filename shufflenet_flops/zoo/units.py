"""The three units that ShuffleNet V1, section 3.2, compares, on an input of c x h x w.

With stride 1 a unit keeps its c channels; with stride 2 it halves the map and doubles them.
"""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import Number, seq
from shufflenet_flops.spec.numbers import check_divisible
from shufflenet_flops.zoo import resnet, shufflenet_v1
from shufflenet_flops.zoo.registry import Network, family

UNIT_NAMES = ("resnet", "resnext", "shufflenet")


def bottleneck(c: Number, m: Number | None, g: Number, stride: int) -> Number:
    """The bottleneck's channels: m, or a quarter of the output; g must divide them."""
    if m is None:
        return shufflenet_v1.bottleneck_width(c * stride, g)
    check_divisible("m", m, "g", g)
    return m


@family("ResNet, Figure 5; ShuffleNet V1, section 3.2")
def resnet_unit(
    c: int = 240, m: int | None = None, h: int = 28, w: int = 28, stride: Literal[1, 2] = 1
) -> Network:
    """Bottleneck unit: 1x1 to m channels (default: output / 4), 3x3, 1x1, added to its input."""
    unit = resnet.bottleneck(c, c * stride, bottleneck(c, m, 1, stride), stride=stride)
    return Network(seq(unit=unit), (1, c, h, w))


@family("ResNeXt, section 3.3; ShuffleNet V1, section 3.2")
def resnext_unit(
    c: int = 240,
    m: int | None = None,
    g: int = 3,
    h: int = 28,
    w: int = 28,
    stride: Literal[1, 2] = 1,
) -> Network:
    """Bottleneck unit whose 3x3 has g groups (the cardinality)."""
    unit = resnet.bottleneck(c, c * stride, bottleneck(c, m, g, stride), g, stride)
    return Network(seq(unit=unit), (1, c, h, w))


@family("ShuffleNet V1, Figure 2 (b) and (c)")
def shufflenet_unit(
    c: int = 240,
    m: int | None = None,
    g: int = 3,
    h: int = 28,
    w: int = 28,
    stride: Literal[1, 2] = 1,
    shuffle: bool = True,
) -> Network:
    """ShuffleNet unit: grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; add or concatenate."""
    width = bottleneck(c, m, g, stride)
    check_divisible("c", c, "g", g)
    unit = shufflenet_v1.unit(c, c * stride, g, m=width, stride=stride, shuffle=shuffle)
    return Network(seq(unit=unit), (1, c, h, w))
