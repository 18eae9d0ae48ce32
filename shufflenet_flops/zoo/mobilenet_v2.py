"""MobileNet V2 (arXiv 1801.04381)."""

from __future__ import annotations

from fractions import Fraction

from shufflenet_flops.spec import (
    Activation,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    Node,
    Number,
    seq,
)
from shufflenet_flops.zoo.blocks import (
    check_resolution,
    conv_norm,
    inverted_residual,
    rounded,
    width_factor,
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
ReLU6 = Activation("relu6")


@family("MobileNet V2, Table 2")
def mobilenet_v2(alpha: float = 1.0, resolution: Number = 224, classes: Number = 1000) -> Network:
    """MobileNet V2 with width multiplier alpha on a square image.

    Widths are rounded to multiples of 8 as in the authors' release and torchvision, and the last
    convolution does not shrink below 1280 channels.
    """
    factor = width_factor("alpha", alpha)
    check_resolution(resolution)
    c_in = rounded(factor * FIRST)
    stages: dict[str, Node] = {"conv1": conv_norm(3, c_in, 3, 2, act=ReLU6)}
    for number, (expansion, width, repeat, stride) in enumerate(BLOCKS, start=1):
        c_out = rounded(factor * width)
        blocks = []
        for i in range(repeat):
            blocks.append(
                inverted_residual(
                    c_in, c_in * expansion, c_out, stride=1 if i else stride, act=ReLU6
                )
            )
            c_in = c_out
        stages[f"stage{number}"] = seq(*blocks)
    last = rounded(max(factor, Fraction(1)) * LAST)
    spec = seq(
        **stages,
        conv2=conv_norm(c_in, last, act=ReLU6),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(last, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


variant("mobilenet_v2", "mobilenet_v2")
for _alpha in (0.35, 0.5, 0.75, 1.4):
    variant(f"mobilenet_v2_x{str(_alpha).replace('.', '_')}", "mobilenet_v2", alpha=_alpha)
