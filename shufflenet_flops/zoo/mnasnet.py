"""MnasNet (arXiv 1807.11626)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import Dropout, Flatten, GlobalAvgPool, Linear, Node, Number, seq
from shufflenet_flops.zoo.blocks import (
    check_resolution,
    conv_norm,
    gated,
    inverted_residual,
    rounded,
    width_factor,
)
from shufflenet_flops.zoo.registry import Network, family, variant

FIRST, SECOND, LAST = 32, 16, 1280
# Output channels, kernel, stride of the first block, expansion, blocks, squeeze-and-excitation.
B1 = (
    (24, 3, 2, 3, 3, False),
    (40, 5, 2, 3, 3, False),
    (80, 5, 2, 6, 3, False),
    (96, 3, 1, 6, 2, False),
    (192, 5, 2, 6, 4, False),
    (320, 3, 1, 6, 1, False),
)
A1 = (
    (24, 3, 2, 6, 2, False),
    (40, 5, 2, 3, 3, True),
    (80, 3, 2, 6, 4, False),
    (112, 3, 1, 6, 2, True),
    (160, 5, 2, 6, 3, True),
    (320, 3, 1, 6, 1, False),
)


@family("MnasNet (A1) and the authors' release (B1)")
def mnasnet(
    version: Literal["A1", "B1"] = "B1",
    alpha: float = 1.0,
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """MnasNet of a version, with width multiplier alpha, on a square image.

    A1 has squeeze and excitation to a quarter of a block's input, B1 none. As in torchvision, all
    widths but that of the last convolution are scaled and rounded to multiples of 8.
    """
    factor = width_factor("alpha", alpha)
    check_resolution(resolution)
    first, c_in = rounded(factor * FIRST), rounded(factor * SECOND)
    stages: dict[str, Node] = {
        "conv1": conv_norm(3, first, 3, 2),
        "separable": seq(
            dw=conv_norm(first, first, 3, groups=first), pw=conv_norm(first, c_in, act=None)
        ),
    }
    plan = A1 if version == "A1" else B1
    for number, (width, kernel, stride, expansion, repeat, se) in enumerate(plan, start=1):
        c_out = rounded(factor * width)
        blocks = []
        for i in range(repeat):
            hidden = c_in * expansion
            gate = gated(hidden, c_in // 4) if se else None
            blocks.append(
                inverted_residual(c_in, hidden, c_out, kernel, 1 if i else stride, se=gate)
            )
            c_in = c_out
        stages[f"stage{number}"] = seq(*blocks)
    spec = seq(
        **stages,
        conv2=conv_norm(c_in, LAST),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(LAST, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _alpha in (0.5, 0.75, 1.0, 1.3):
    variant(f"mnasnet{str(_alpha).replace('.', '_')}", "mnasnet", alpha=_alpha)
variant("mnasnet_a1", "mnasnet", version="A1")
