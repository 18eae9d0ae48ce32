"""The three units that ShuffleNet V1, section 3.2, compares, on an input of c x h x w.

With stride 1 a unit keeps its c channels; with stride 2 it halves the map and doubles them. Beside
them the pointwise convolution alone, which ShuffleNet V2's guidelines are about.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import Literal

from shufflenet_flops.spec import Conv2d, Number, seq
from shufflenet_flops.spec.numbers import check_divisible
from shufflenet_flops.zoo import resnet, shufflenet_v1
from shufflenet_flops.zoo.registry import Network, Values, derived, family, same_height

UNIT_NAMES = ("resnet", "resnext", "shufflenet")


def bottleneck(c: Number, m: Number | None, g: Number, stride: int) -> Number:
    """The bottleneck's channels: m, or a quarter of the output; g must divide them."""
    if m is None:
        return shufflenet_v1.bottleneck_width(c * stride, g)
    check_divisible("m", m, "g", g)
    return m


def _quarter(options: Values) -> Number:
    return bottleneck(options["c"], None, options.get("g", 1), options["stride"])


def _quarter_step(given: Values) -> int:
    """For c such that the bottleneck m, a quarter of the output, is whole and splits into g."""
    parts = 4 * given.get("g", 1)
    return 1 if "m" in given else parts // gcd(parts, int(given["stride"]))


@family("ResNet, Figure 5; ShuffleNet V1, section 3.2", unit="resnet", step=_quarter_step)
def resnet_unit(
    c: Number = 240,
    stride: Literal[1, 2] = 1,
    m: Number = derived(_quarter),
    h: Number = 28,
    w: Number = derived(same_height),
) -> Network:
    """Bottleneck unit: 1x1 to m channels (default: output / 4), 3x3, 1x1, added to its input."""
    unit = resnet.bottleneck(c, c * stride, m, stride=stride)
    return Network(seq(unit=unit), (1, c, h, w))


@family("ResNeXt, section 3.3; ShuffleNet V1, section 3.2", unit="resnext", step=_quarter_step)
def resnext_unit(
    c: Number = 240,
    g: Number = 3,
    stride: Literal[1, 2] = 1,
    m: Number = derived(_quarter),
    h: Number = 28,
    w: Number = derived(same_height),
) -> Network:
    """Bottleneck unit whose 3x3 has g groups (the cardinality)."""
    unit = resnet.bottleneck(c, c * stride, bottleneck(c, m, g, stride), g, stride)
    return Network(seq(unit=unit), (1, c, h, w))


@family(
    "ShuffleNet V1, Figure 2 (b) and (c)",
    unit="shufflenet",
    step=lambda given: lcm(given["g"], _quarter_step(given)),
)
def shufflenet_unit(
    c: Number = 240,
    g: Number = 3,
    stride: Literal[1, 2] = 1,
    m: Number = derived(_quarter),
    h: Number = 28,
    w: Number = derived(same_height),
    shuffle: bool = True,
) -> Network:
    """ShuffleNet unit: grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; add or concatenate."""
    width = bottleneck(c, m, g, stride)
    check_divisible("c", c, "g", g)
    unit = shufflenet_v1.unit(c, c * stride, g, m=width, stride=stride, shuffle=shuffle)
    return Network(seq(unit=unit), (1, c, h, w))


@family("ShuffleNet V2, section 3, G1 and G2", unit="pointwise", step=lambda given: given["g"])
def pointwise_unit(
    c: Number = 240,
    n: Number = derived(lambda options: options["c"]),
    g: Number = 1,
    h: Number = 28,
    w: Number = derived(same_height),
) -> Network:
    """A 1x1 convolution from c to n channels in g groups."""
    return Network(seq(conv=Conv2d(c, n, groups=g)), (1, c, h, w))
