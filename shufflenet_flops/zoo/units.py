"""The three units that ShuffleNet V1, section 3.1, compares, on an input of c x h x w.

With stride 1 a unit keeps its c channels; with stride 2 it halves the map and doubles them.
"""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import Number, seq
from shufflenet_flops.spec.numbers import check_divisible, exact_div
from shufflenet_flops.zoo import resnet, shufflenet_v1
from shufflenet_flops.zoo.registry import Network, family

UNIT_NAMES = ("resnet", "resnext", "shufflenet")


def _input(c: Number, h: Number, w: Number) -> tuple[Number, ...]:
    return (1, c, h, w)


def _quarter(c_out: Number) -> Number:
    check_divisible("output channels", c_out, "the bottleneck ratio", 4)
    return exact_div(c_out, 4)


@family("ResNet, Figure 5; ShuffleNet V1, section 3.1")
def resnet_unit(
    c: int = 240, m: int | None = None, h: int = 28, w: int = 28, stride: Literal[1, 2] = 1
) -> Network:
    """Bottleneck unit: 1x1 to m channels (default: output / 4), 3x3, 1x1, added to its input."""
    c_out = c * stride
    unit = resnet.bottleneck(c, c_out, _quarter(c_out) if m is None else m, stride=stride)
    return Network(seq(unit=unit), _input(c, h, w))


@family("ResNeXt, section 3.3; ShuffleNet V1, section 3.1")
def resnext_unit(
    c: int = 240,
    m: int | None = None,
    g: int = 3,
    h: int = 28,
    w: int = 28,
    stride: Literal[1, 2] = 1,
) -> Network:
    """Bottleneck unit whose 3x3 has g groups (the cardinality)."""
    c_out = c * stride
    unit = resnet.bottleneck(c, c_out, _quarter(c_out) if m is None else m, g, stride)
    return Network(seq(unit=unit), _input(c, h, w))


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
    unit = shufflenet_v1.unit(c, c * stride, g, m=m, stride=stride, shuffle=shuffle)
    return Network(seq(unit=unit), _input(c, h, w))
