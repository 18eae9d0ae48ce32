"""ShuffleNet V2 (arXiv 1807.11164)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    BatchNorm,
    ChannelShuffle,
    ChannelSlice,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.spec.numbers import check_divisible, exact_div
from shufflenet_flops.zoo.registry import Network, Values, derived, family, same_height, variant

BlockVariant = Literal["torchvision", "official"]

UNITS = (4, 8, 4)
STEM = 24


class Channels(NamedTuple):
    """Channels of stages 2 to 4 and of conv5."""

    stages: tuple[int, int, int]
    conv5: int


# By scale (Table 5); conv1 has 24 channels at every scale.
WIDTHS: dict[float, Channels] = {
    0.5: Channels((48, 96, 192), 1024),
    1.0: Channels((116, 232, 464), 1024),
    1.5: Channels((176, 352, 704), 1024),
    2.0: Channels((244, 488, 976), 2048),
}


def unit(c: Number, *, block: BlockVariant = "torchvision") -> Seq:
    """The basic unit, Figure 3 (c), on c channels: half of them pass, the rest go through a branch.

    The two halves are concatenated; channel shuffle mixes them, at the end of the unit
    (`torchvision`) or at the start of the next (`official`).
    """
    check_divisible("c", c, "the channel split", 2)
    half = exact_div(c, 2)
    branch = seq(split=ChannelSlice(half, c), **_branch(half, half, half, 1))
    join = Concat((("shortcut", ChannelSlice(0, half)), ("branch", branch)))
    if block == "official":
        # The release deals even channels to one half and odd ones to the other.
        return seq(shuffle=ChannelShuffle(half), join=join)
    return seq(join=join, shuffle=ChannelShuffle(2))


def down_unit(
    c_in: Number, c_out: Number, stride: int = 2, *, block: BlockVariant = "torchvision"
) -> Seq:
    """The unit for spatial down-sampling, Figure 3 (d): both branches see all c_in channels.

    In the authors' release the shortcut keeps its c_in channels and the branch emits the other
    c_out - c_in; in torchvision each emits half of c_out. The figure does not tell.
    """
    check_divisible("c_out", c_out, "the channel split", 2)
    half = exact_div(c_out, 2)
    kept = c_in if block == "official" else half
    shortcut = seq(
        dw=Conv2d(c_in, c_in, 3, stride, 1, groups=c_in),
        bn1=BatchNorm(c_in),
        pw=Conv2d(c_in, kept),
        bn2=BatchNorm(kept),
        relu=ReLU,
    )
    branch = seq(**_branch(c_in, half, c_out - kept, stride))
    join = Concat((("shortcut", shortcut), ("branch", branch)))
    return seq(join=join) if block == "official" else seq(join=join, shuffle=ChannelShuffle(2))


def _branch(c_in: Number, m: Number, c_out: Number, stride: int) -> dict[str, Node]:
    return {
        "pw1": Conv2d(c_in, m),
        "bn1": BatchNorm(m),
        "relu1": ReLU,
        "dw": Conv2d(m, m, 3, stride, 1, groups=m),
        "bn2": BatchNorm(m),
        "pw2": Conv2d(m, c_out),
        "bn3": BatchNorm(c_out),
        "relu2": ReLU,
    }


def network(
    widths: tuple[Number, ...],
    conv5: Number,
    stem: Number = STEM,
    *,
    units: tuple[int, ...] = UNITS,
    first_stride: int = 2,
    block: BlockVariant = "torchvision",
    classes: Number = 1000,
) -> Seq:
    """The network of Table 5 with any stage widths; widths may be ints, symbols or arrays.

    `first_stride` is that of stage 2.
    """
    stages = {}
    c_in = stem
    for number, (width, repeat) in enumerate(zip(widths, units, strict=True), start=2):
        rest = [unit(width, block=block)] * (repeat - 1)
        stride = first_stride if number == 2 else 2
        stages[f"stage{number}"] = seq(down_unit(c_in, width, stride, block=block), *rest)
        c_in = width
    return seq(
        conv1=seq(conv=Conv2d(3, stem, 3, 2, 1), bn=BatchNorm(stem), relu=ReLU),
        maxpool=MaxPool2d(3, 2, 1),
        **stages,
        conv5=seq(conv=Conv2d(c_in, conv5), bn=BatchNorm(conv5), relu=ReLU),
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(conv5, classes, bias=block != "official"),
    )


def _table_5(scale: float) -> Channels:
    if scale not in WIDTHS:
        raise InputError(
            f"scale={scale}: Table 5 has {', '.join(str(known) for known in WIDTHS)}, and no rule "
            "for other scales"
        )
    return WIDTHS[scale]


def _stage4(options: Values) -> int:
    return _table_5(options["scale"]).stages[2]


@family("ShuffleNet V2, Table 5", step=lambda given: 8)
def shufflenet_v2(
    scale: float = 1.0,
    block: BlockVariant = "torchvision",
    c: Number = derived(_stage4),
    classes: Number = 1000,
) -> Network:
    """ShuffleNet V2 at a published scale, or with c channels in stage 4, c/2 and c/4 before.

    Its units are torchvision's or the authors' (`official`). conv1 has the same channels
    everywhere, and conv5 those of the scale.
    """
    stages = (exact_div(c, 4), exact_div(c, 2), c)
    return Network(network(stages, _table_5(scale).conv5, block=block, classes=classes))


@family("ShuffleNet V2, Table 6 and the appendix")
def shufflenet_v2_50(block: BlockVariant = "official", classes: Number = 1000) -> Network:
    """ShuffleNet v2-50, a large network with the stages of ResNet-50.

    The appendix does not say where its stages have their strides: here as ResNet's, so that the
    first has none.
    """
    widths = (244, 488, 976, 1952)
    spec = network(
        widths, 2048, 64, units=(3, 4, 6, 3), first_stride=1, block=block, classes=classes
    )
    return Network(spec)


variant("shufflenet_v2_50", "shufflenet_v2_50")


@family("ShuffleNet V2, Figure 3 (c) and (d)", unit="shufflenet_v2", step=lambda given: 2)
def shufflenet_v2_unit(
    c: Number = 240,
    stride: Literal[1, 2] = 1,
    h: Number = 28,
    w: Number = derived(same_height),
) -> Network:
    """The basic unit, or with stride 2 the one that halves the map and doubles the channels."""
    spec = unit(c) if stride == 1 else down_unit(c, 2 * c)
    return Network(seq(unit=spec), (1, c, h, w))


for _scale in WIDTHS:
    _suffix = f"x{str(_scale).replace('.', '_')}"
    variant(f"shufflenet_v2_{_suffix}", "shufflenet_v2", scale=_scale)
    variant(f"shufflenet_v2_official_{_suffix}", "shufflenet_v2", scale=_scale, block="official")
