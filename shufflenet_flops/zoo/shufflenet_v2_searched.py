"""The networks of ShuffleNet V2's authors whose blocks were searched for: V2+, OneShot, DetNAS.

Each unit is one of four: ShuffleNet V2's with a depthwise kernel of 3, 5 or 7, or one of three
separable convolutions as in Xception (github.com/megvii-model/ShuffleNet-Series at aa91feb).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    BatchNorm,
    ChannelShuffle,
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
    Scale,
    Seq,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm
from shufflenet_flops.zoo.registry import Network, family, variant

HARDSWISH = Activation("hardswish")


@dataclass(frozen=True)
class Searched:
    """Blocks, channels of conv1 and of the four stages, and of the last 1x1 convolution.

    A block is the kernel of its depthwise convolution, or x for Xception's. `widths` are the
    channels inside each relative to half of its stage's.
    """

    blocks: str
    channels: tuple[int, ...]
    last: int
    repeats: tuple[int, ...] = (4, 4, 8, 4)
    widths: tuple[Fraction, ...] = ()


_ONE_SHOT = "33x555337375537375x7"
_DETNAS = "33x575373x57xx73755x737775x53xxx5xxxxxxx"
_WIDTHS = tuple(Fraction(2 * i + 2, 10) for i in map(int, "65352634257546744543"))
NETWORKS: dict[str, Searched] = {
    "plus_small": Searched(_ONE_SHOT, (16, 36, 104, 208, 416), 1280),
    "plus_medium": Searched(_ONE_SHOT, (16, 48, 128, 256, 512), 1280),
    "plus_large": Searched(_ONE_SHOT, (16, 68, 168, 336, 672), 1280),
    "oneshot": Searched(_ONE_SHOT, (16, 64, 160, 320, 640), 1024, widths=_WIDTHS),
    "detnas_small": Searched("75737557xx5x33x5x5x7", (16, 64, 160, 320, 640), 1024),
    "detnas_medium": Searched(_DETNAS, (48, 96, 240, 480, 960), 1024, (8, 8, 16, 8)),
    "detnas_large": Searched(_DETNAS, (72, 172, 432, 864, 1728), 1728, (8, 8, 16, 8)),
}


def _gate(c: int) -> Scale:
    """Squeeze and excitation by way of a quarter of c channels, without biases but with a norm."""
    squeeze = seq(
        pool=GlobalAvgPool(),
        fc1=conv_norm(c, c // 4),
        fc2=Conv2d(c // 4, c),
        gate=Activation("hardsigmoid"),
    )
    return Scale((("x", Identity()), ("gate", squeeze)))


def _separable(c_in: int, c_out: int, kernel: int, stride: int, act: Activation) -> Seq:
    depthwise = Conv2d(c_in, c_in, kernel, stride, kernel // 2, groups=c_in)
    return seq(dw=depthwise, bn=BatchNorm(c_in), pw=conv_norm(c_in, c_out, act=act))


def _branch(kind: str, c_in: int, m: int, c_out: int, stride: int, act: Activation) -> Seq:
    if kind == "x":
        return seq(
            _separable(c_in, m, 3, stride, act),
            _separable(m, m, 3, 1, act),
            _separable(m, c_out, 3, 1, act),
        )
    return seq(conv_norm(c_in, m, act=act), _separable(m, c_out, int(kind), stride, act))


def unit(
    kind: str, c_in: int, c_out: int, stride: int, *, m: int, act: Activation, se: bool
) -> Seq:
    """A unit from c_in to c_out channels, m inside: half of them pass, or with stride 2 all."""
    kept = c_in if stride == 2 else c_in // 2
    emitted = c_out - kept
    gate: dict[str, Node] = {"se": _gate(emitted)} if se else {}
    branch = _branch(kind, kept, m, emitted, stride, act)
    if stride == 2:
        shortcut = _separable(c_in, c_in, 3 if kind == "x" else int(kind), 2, act)
        return seq(join=Concat((("shortcut", shortcut), ("branch", seq(body=branch, **gate)))))
    halves = (
        ("shortcut", ChannelSlice(0, kept)),
        ("branch", seq(split=ChannelSlice(kept, c_in), body=branch, **gate)),
    )
    return seq(shuffle=ChannelShuffle(kept), join=Concat(halves))


def _stages(searched: Searched, *, plus: bool) -> dict[str, Node]:
    kinds = iter(searched.blocks)
    widths = iter(searched.widths or [Fraction(1)] * len(searched.blocks))
    stages: dict[str, Node] = {}
    c_in = searched.channels[0]
    for number, (c_out, repeat) in enumerate(
        zip(searched.channels[1:], searched.repeats, strict=True), 1
    ):
        act = HARDSWISH if plus and number > 1 else ReLU
        units = []
        for i in range(repeat):
            m = int(c_out // 2 * next(widths))
            stride = 1 if i else 2
            units.append(
                unit(next(kinds), c_in, c_out, stride, m=m, act=act, se=plus and number > 2)
            )
            c_in = c_out
        stages[f"stage{number}"] = seq(*units)
    return stages


@family("ShuffleNet V2's authors' release of V2+, OneShot and DetNAS")
def shufflenet_v2_searched(
    network: Literal[
        "plus_small",
        "plus_medium",
        "plus_large",
        "oneshot",
        "detnas_small",
        "detnas_medium",
        "detnas_large",
    ] = "plus_medium",
    resolution: Number = 224,
    classes: Number = 1000,
) -> Network:
    """ShuffleNet V2+ of a size, the OneShot network, or DetNAS's backbone of a size.

    V2+ has hard-swish, and gates in its last two stages and before a second fully connected layer.
    """
    check_resolution(resolution)
    chosen = NETWORKS[network]
    plus = network.startswith("plus")
    act, last = HARDSWISH if plus else ReLU, chosen.last
    head: dict[str, Node] = {"flatten": Flatten()}
    if plus:
        fc1 = Linear(last, last, bias=False)
        head = {"se": _gate(last), **head, "fc1": fc1, "act": act, "dropout": Dropout(0.2)}
    spec = seq(
        conv1=conv_norm(3, chosen.channels[0], 3, 2, act=act),
        **_stages(chosen, plus=plus),
        conv_last=conv_norm(chosen.channels[-1], last, act=act),
        globalpool=GlobalAvgPool(),
        **head,
        fc=Linear(last, classes, bias=network.startswith("detnas")),
    )
    return Network(spec, (1, 3, resolution, resolution))


for _network in NETWORKS:
    variant(f"shufflenet_v2_{_network}", "shufflenet_v2_searched", network=_network)
