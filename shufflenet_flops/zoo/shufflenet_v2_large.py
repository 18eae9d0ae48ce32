"""ShuffleNet V2's large residual networks, as its authors released them.

(github.com/megvii-model/ShuffleNet-Series at aa91feb.) Half of a map's channels pass each unit, the
rest are gated and added to what they were.
"""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.spec import (
    Activation,
    Add,
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
    MaxPool2d,
    Node,
    Number,
    ReLU,
    Scale,
    Seq,
    seq,
)
from shufflenet_flops.zoo.blocks import check_resolution, conv_norm
from shufflenet_flops.zoo.registry import Network, family, variant

# Channels of each half of the map, and units, of the four stages; channels of the stem's three
# convolutions.
LARGE = ((128, 10), (256, 10), (512, 23), (1024, 10))
LARGE_STEM = (64, 64, 128)
EXLARGE = ((160, 8), (320, 16), (640, 36), (1280, 10))
EXLARGE_STEM = (64, 128, 256)


def _gate(c: int, reduced: int) -> Scale:
    squeeze = seq(
        pool=GlobalAvgPool(),
        flatten=Flatten(),
        fc1=Linear(c, reduced),
        relu=ReLU,
        fc2=Linear(reduced, c),
        sigmoid=Activation("sigmoid"),
    )
    return Scale((("x", Identity()), ("gate", squeeze)))


def _grouped(c: int, groups: int, stride: int) -> Seq:
    conv = Conv2d(c, c, 3, stride, 1, groups=groups)
    return seq(conv=conv, bn=BatchNorm(c), relu=ReLU)


def _split(kept: Node, branch: Node, c: int, **after: Node) -> Seq:
    """Of 2 * c channels, shuffled: `kept` of one half, beside `branch` of the other."""
    halves = (
        ("shortcut", seq(split=ChannelSlice(0, c), kept=kept)),
        ("branch", seq(split=ChannelSlice(c, 2 * c), branch=branch)),
    )
    return seq(shuffle=ChannelShuffle(c), join=Concat(halves), **after)


def _added(body: Node, **after: Node) -> Add:
    return Add((("body", body), ("shortcut", Identity())), after=tuple(after.items()))


def large_unit(c_in: int, c: int, stride: int = 1, *, project: bool = False) -> Seq:
    """From halves of c_in channels to halves of c.

    In the first unit of a stage (`project`) the half that passes goes through a 3x3 convolution.
    With stride 2 a 1x1 convolution mixes the two.
    """
    body = seq(conv_norm(c_in, c), _grouped(c, 8, stride), conv_norm(c, c, act=None), _gate(c, c))
    mixed: dict[str, Node] = {"mix": conv_norm(2 * c, 2 * c)} if stride == 2 else {}
    if project:
        return _split(conv_norm(c_in, c, 3, stride, act=None), body, c_in, relu=ReLU, **mixed)
    return _split(Identity(), _added(body), c, relu=ReLU)


def exlarge_unit(c_in: int, c: int, stride: int = 1, *, project: bool = False) -> Seq:
    """From a map of c_in channels (`project`), or from halves of c, to halves of c."""
    wide = 2 * c
    depthwise = Conv2d(wide, wide, 3, 1, 1, groups=wide)
    body = seq(
        conv_norm(c_in, wide),
        _grouped(wide, 16, stride),
        seq(conv=depthwise, bn=BatchNorm(wide)),
        conv_norm(wide, c, act=None),
        _gate(c, c // 4),
    )
    if project:
        return seq(join=Concat((("shortcut", conv_norm(c_in, c, 3, stride)), ("branch", body))))
    return _split(Identity(), _added(body, relu=ReLU), c)


@family("ShuffleNet V2's authors' release of ShuffleNetV2.Large and .ExLarge")
def shufflenet_v2_large(
    size: Literal["large", "exlarge"] = "large", resolution: Number = 224, classes: Number = 1000
) -> Network:
    """ShuffleNetV2.Large or .ExLarge, without the classifiers that only help in training."""
    check_resolution(resolution)
    large = size == "large"
    first, second, c_in = LARGE_STEM if large else EXLARGE_STEM
    stem = seq(conv_norm(3, first, 3, 2), conv_norm(first, second, 3), conv_norm(second, c_in, 3))
    stages: dict[str, Node] = {}
    for number, (c, repeat) in enumerate(LARGE if large else EXLARGE, start=2):
        stride = 1 if number == 2 else 2
        if large:
            units = [large_unit(c_in // 2, c, stride, project=True)]
            units += [large_unit(c, c)] * (repeat - 1)
        else:
            units = [exlarge_unit(c_in, c, stride, project=True)]
            units += [*[exlarge_unit(c, c)] * (repeat - 1), conv_norm(2 * c, 2 * c)]
        stages[f"stage{number}"] = seq(*units)
        c_in = 2 * c
    last: dict[str, Node] = {}
    if large:
        last["conv_last"] = conv_norm(c_in, 1280, 3)
        c_in = 1280
    spec = seq(
        conv1=stem,
        maxpool=MaxPool2d(3, 2, 1),
        **stages,
        **last,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        dropout=Dropout(0.2),
        fc=Linear(c_in, classes),
    )
    return Network(spec, (1, 3, resolution, resolution))


variant("shufflenet_v2_large", "shufflenet_v2_large")
variant("shufflenet_v2_exlarge", "shufflenet_v2_large", size="exlarge")
