"""EfficientNet (arXiv 1905.11946), and EfficientNet-Lite of the authors' release."""

from __future__ import annotations

import math
from functools import partial

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
    gated,
    inverted_residual,
    rounded,
    width_factor,
)
from shufflenet_flops.zoo.registry import Network, Values, derived, family, variant

SiLU = Activation("silu")
FIRST, LAST = 32, 1280
RESOLUTION = 224
# Expansion, kernel, stride of the first block, output channels, blocks of each stage (Table 1).
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
# Multipliers of width and depth and the image's side, of B0 to B7 and of Lite0 to Lite4.
SCALES = (
    (1.0, 1.0, 224),
    (1.0, 1.1, 240),
    (1.1, 1.2, 260),
    (1.2, 1.4, 300),
    (1.4, 1.8, 380),
    (1.6, 2.2, 456),
    (1.8, 2.6, 528),
    (2.0, 3.1, 600),
)
LITE_RESOLUTIONS = (224, 240, 260, 280, 300)


# The bases of the powers of phi that depth, width and resolution are multiplied by.
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15


def _compound(base: float, options: Values) -> float:
    return round(float(base ** options["phi"]), 3)


def _side(options: Values) -> int:
    return round(RESOLUTION * _compound(GAMMA, options))


@family("EfficientNet, Table 1")
def efficientnet(
    phi: float = 0.0,
    width: float = derived(partial(_compound, BETA)),
    depth: float = derived(partial(_compound, ALPHA)),
    resolution: Number = derived(_side),
    lite: bool = False,
    classes: Number = 1000,
) -> Network:
    """EfficientNet at the compound coefficient phi, or multipliers of width and depth, on a square.

    phi multiplies depth by 1.2^phi, width by 1.1^phi and the image's side of 224 by 1.15^phi; the
    published B1 to B7 have multipliers and sides near those of a phi, set by hand. Widths are
    rounded to multiples of 8, numbers of blocks up. `lite` has no gates, ReLU6 in place of SiLU,
    and the first and last layers of B0 whatever the multipliers.
    """
    wider, deeper = width_factor("width", width), width_factor("depth", depth)
    check_resolution(resolution)
    act = Activation("relu6") if lite else SiLU
    c_in = FIRST if lite else rounded(wider * FIRST)
    stages: dict[str, Node] = {"conv1": conv_norm(3, c_in, 3, 2, act=act)}
    for number, (expansion, kernel, stride, channels, blocks) in enumerate(STAGES, start=1):
        c_out = rounded(wider * channels)
        repeat = blocks if lite and number in (1, len(STAGES)) else math.ceil(deeper * blocks)
        stage = []
        for i in range(repeat):
            hidden = c_in * expansion
            gate = None if lite else gated(hidden, c_in // 4, act=act)
            step = 1 if i else stride
            stage.append(inverted_residual(c_in, hidden, c_out, kernel, step, act=act, se=gate))
            c_in = c_out
        stages[f"stage{number}"] = seq(*stage)
    last = LAST if lite else 4 * c_in
    spec = seq(
        **stages,
        conv2=conv_norm(c_in, last, act=act),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(last, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _i, (_width, _depth, _resolution) in enumerate(SCALES):
    variant(
        f"efficientnet_b{_i}", "efficientnet", width=_width, depth=_depth, resolution=_resolution
    )
for _i, _resolution in enumerate(LITE_RESOLUTIONS):
    variant(
        f"efficientnet_lite{_i}",
        "efficientnet",
        width=SCALES[_i][0],
        depth=SCALES[_i][1],
        resolution=_resolution,
        lite=True,
    )
