"""MobileNet V2 (arXiv 1801.04381)."""

from __future__ import annotations

from fractions import Fraction

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    Activation,
    Add,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    Node,
    Number,
    Seq,
    seq,
)
from shufflenet_flops.zoo.registry import Network, family, variant

# Expansion t, output channels c, number of blocks n and stride s of the first (Table 2).
BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
FIRST, LAST = 32, 1280
ROUND_TO = 8


def inverted_residual(c_in: Number, c_out: Number, stride: int, expansion: int) -> Node:
    """1x1 to `expansion` times c_in channels, depthwise 3x3, and a linear 1x1 to c_out (Figure 3).

    The input is added where it has the output's shape. Expansion 1 has no first 1x1.
    """
    hidden = c_in * expansion
    expand: dict[str, Node] = {"expand": _conv(c_in, hidden)} if expansion != 1 else {}
    branch = seq(
        **expand,
        dw=_conv(hidden, hidden, 3, stride, groups=hidden),
        project=Conv2d(hidden, c_out),
        bn=BatchNorm(c_out),
    )
    if stride != 1 or c_in != c_out:
        return branch
    return Add((("branch", branch), ("shortcut", Identity())))


def _conv(c_in: Number, c_out: Number, kernel: int = 1, stride: int = 1, groups: Number = 1) -> Seq:
    return seq(
        conv=Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups),
        bn=BatchNorm(c_out),
        relu6=Activation("relu6"),
    )


@family("MobileNet V2, Table 2")
def mobilenet_v2(alpha: float = 1.0, resolution: int = 224, classes: Number = 1000) -> Network:
    """MobileNet V2 with width multiplier alpha on a square image.

    Widths are rounded to multiples of 8 as in the authors' release and torchvision, and the last
    convolution does not shrink below 1280 channels (section 6.1).
    """
    factor = Fraction(str(alpha))
    if factor <= 0:
        raise InputError(f"alpha={alpha}: must be more than 0")
    if resolution < 1:
        raise InputError(f"resolution={resolution}: must be at least 1")
    c_in = _rounded(factor * FIRST)
    stages: dict[str, Node] = {"conv1": _conv(3, c_in, 3, 2)}
    for number, (expansion, width, repeat, stride) in enumerate(BLOCKS, start=1):
        c_out = _rounded(factor * width)
        blocks = []
        for i in range(repeat):
            blocks.append(inverted_residual(c_in, c_out, 1 if i else stride, expansion))
            c_in = c_out
        stages[f"stage{number}"] = seq(*blocks)
    last = _rounded(max(factor, Fraction(1)) * LAST)
    spec = seq(
        **stages,
        conv2=_conv(c_in, last),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(last, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


def _rounded(width: Fraction) -> int:
    """The nearest multiple of 8 (a half up), or the next above where that is under 90 %."""
    nearest = max(ROUND_TO, int(width + Fraction(ROUND_TO, 2)) // ROUND_TO * ROUND_TO)
    return nearest + ROUND_TO if nearest < Fraction(9, 10) * width else nearest


variant("mobilenet_v2", "mobilenet_v2")
for _alpha in (0.35, 0.5, 0.75, 1.4):
    variant(f"mobilenet_v2_x{str(_alpha).replace('.', '_')}", "mobilenet_v2", alpha=_alpha)
