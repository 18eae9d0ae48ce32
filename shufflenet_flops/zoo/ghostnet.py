"""GhostNet (arXiv 1911.11907)."""

from __future__ import annotations

from shufflenet_flops.spec import (
    Activation,
    Add,
    ChannelSlice,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    Node,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.zoo.blocks import (
    check_resolution,
    conv_norm,
    gated,
    rounded,
    width_factor,
)
from shufflenet_flops.zoo.registry import Network, family, variant

STEP = 4  # that widths are rounded to
FIRST, LAST = 16, 1280
# Kernel, expansion size, output channels, squeeze-and-excitation, stride of each block (Table 1).
BLOCKS = (
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)


def ghost(c_in: int, c_out: int, act: Activation | None) -> Seq:
    """Half of c_out by a 1x1, the other half by a depthwise 3x3 of these."""
    half = -(-c_out // 2)
    cheap = conv_norm(half, half, 3, groups=half, act=act)
    both = Concat((("primary", Identity()), ("cheap", cheap)))
    odd: dict[str, Node] = {"slice": ChannelSlice(0, c_out)} if 2 * half != c_out else {}
    return seq(conv=conv_norm(c_in, half, act=act), both=both, **odd)


def bottleneck(
    c_in: int, hidden: int, c_out: int, kernel: int, stride: int, *, se: Node | None
) -> Add:
    """Two ghost modules with a depthwise convolution between where the stride is 2."""
    down: dict[str, Node] = {}
    if stride > 1:
        down = {"dw": conv_norm(hidden, hidden, kernel, stride, hidden, act=None)}
    branch = seq(
        ghost1=ghost(c_in, hidden, ReLU),
        **down,
        **({"se": se} if se else {}),
        ghost2=ghost(hidden, c_out, None),
    )
    shortcut: Node = Identity()
    if stride != 1 or c_in != c_out:
        shortcut = seq(
            dw=conv_norm(c_in, c_in, kernel, stride, c_in, act=None),
            pw=conv_norm(c_in, c_out, act=None),
        )
    return Add((("branch", branch), ("shortcut", shortcut)))


@family("GhostNet, Table 1")
def ghostnet(alpha: float = 1.0, resolution: Number = 224, classes: Number = 1000) -> Network:
    """GhostNet with width multiplier alpha on a square image; widths are multiples of 4."""
    factor = width_factor("alpha", alpha)
    check_resolution(resolution)
    c_in = rounded(factor * FIRST, STEP)
    conv1 = conv_norm(3, c_in, 3, 2)
    blocks = []
    for kernel, expansion, width, se, stride in BLOCKS:
        hidden, c_out = rounded(factor * expansion, STEP), rounded(factor * width, STEP)
        gate = gated(hidden, rounded(hidden // 4, STEP), gate="hardsigmoid") if se else None
        blocks.append(bottleneck(c_in, hidden, c_out, kernel, stride, se=gate))
        c_in = c_out
    features = rounded(factor * BLOCKS[-1][1], STEP)
    spec = seq(
        conv1=conv1,
        blocks=seq(*blocks),
        conv2=conv_norm(c_in, features),
        globalpool=GlobalAvgPool(),
        conv3=seq(conv=Conv2d(features, LAST, bias=True), relu=ReLU),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(LAST, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _alpha in (0.5, 1.0, 1.3):
    variant(f"ghostnet_x{str(_alpha).replace('.', '_')}", "ghostnet", alpha=_alpha)
