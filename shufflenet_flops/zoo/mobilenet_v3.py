"""MobileNet V3 (arXiv 1905.02244)."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    Node,
    Number,
    ReLU,
    seq,
)
from shufflenet_flops.zoo.blocks import (
    check_resolution,
    conv_norm,
    gated,
    inverted_residual,
    rounded,
    width_factor,
)
from shufflenet_flops.zoo.registry import Network, family, variant

HardSwish = Activation("hardswish")
FIRST = 16
# Kernel, expansion size, output channels, squeeze-and-excitation, hard-swish, stride of each block.
LARGE = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)
SMALL = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)
LAST = {"large": 1280, "small": 1024}


@family("MobileNet V3, Tables 1 and 2")
def mobilenet_v3(
    size: Literal["large", "small"] = "large",
    alpha: float = 1.0,
    resolution: Number = 224,
    layout: Literal["torchvision", "release"] = "torchvision",
    classes: Number = 1000,
) -> Network:
    """MobileNet V3 of a size, with width multiplier alpha, on a square image.

    Gates reduce to a quarter of the expansion size, rounded to a multiple of 8. torchvision scales
    every width by itself; the authors' release keeps the ratio of expansion and input, and does
    not scale the last layer below alpha=1.
    """
    factor = width_factor("alpha", alpha)
    check_resolution(resolution)
    c_in = rounded(factor * FIRST)
    blocks = []
    conv1 = conv_norm(3, c_in, 3, 2, act=HardSwish)
    previous = FIRST
    for kernel, expansion, width, se, hard, stride in LARGE if size == "large" else SMALL:
        c_out = rounded(factor * width)
        if layout == "release":
            hidden = rounded(Fraction(c_in * expansion, previous))
        else:
            hidden = rounded(factor * expansion)
        gate = gated(hidden, rounded(hidden // 4), gate="hardsigmoid") if se else None
        act = HardSwish if hard else ReLU
        blocks.append(inverted_residual(c_in, hidden, c_out, kernel, stride, act=act, se=gate))
        c_in, previous = c_out, width
    features = 6 * c_in
    kept = layout == "release" and factor < 1
    last = LAST[size] if kept else rounded(factor * LAST[size])
    head: dict[str, Node] = {
        "conv2": conv_norm(c_in, features, act=HardSwish),
        "globalpool": GlobalAvgPool(),
        "flatten": Flatten(),
        "fc1": seq(linear=Linear(features, last), hardswish=HardSwish),
        "dropout": Dropout(0.2),
        "fc2": Linear(last, classes),
    }
    return Network(seq(conv1=conv1, blocks=seq(*blocks), **head), (1, 3, resolution, resolution))


for _size in LAST:
    variant(f"mobilenet_v3_{_size}", "mobilenet_v3", size=_size)
    variant(f"mobilenet_v3_{_size}_x0_75", "mobilenet_v3", size=_size, alpha=0.75, layout="release")
