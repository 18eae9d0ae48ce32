"""ShuffleNet V1 (arXiv 1707.01083v2; CVPR 2018)."""

from __future__ import annotations

from typing import Literal

from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.spec import (
    Activation,
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv2d,
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
from shufflenet_flops.spec.numbers import (
    check_divisible,
    exact_div,
    is_equal,
    nearest_multiples,
    whole,
)
from shufflenet_flops.zoo.blocks import SE_REDUCTION
from shufflenet_flops.zoo.registry import Network, derived, family, variant
from shufflenet_flops.zoo.shufflenet_v1_widths import (
    STAGE_WIDTHS,
    Rounding,
    scaled_stem,
    scaled_widths,
    stage4_width,
)

Layout = Literal["paper", "official", "article"]
Gated = Literal["output", "branch"]

UNITS = (4, 8, 4)
SHALLOW_UNITS = (2, 4, 2)


def unit(
    c_in: Number,
    c_out: Number,
    g: Number,
    *,
    m: Number | None = None,
    stride: int = 1,
    first_groups: Number | None = None,
    shuffle: bool = True,
    se: bool = False,
    se_on: Gated = "output",
    layout: Layout = "paper",
) -> Add | Concat:
    """The ShuffleNet unit, Figure 2: (b) with stride 1 adds, (c) with stride 2 concatenates.

    The bottleneck m is a quarter of c_out, taken before the shortcut's c_in channels are
    subtracted; the stride is on the depthwise convolution, so the first 1x1 runs at the input's
    size; with stride 2 the branch emits c_out - c_in channels. `first_groups` is for the first
    unit of stage 2, whose first 1x1 the paper leaves ungrouped. `se` gates the unit's output or its
    branch, as `se_on` says.
    """
    if m is None:
        m = c_out // 4 if layout == "article" else bottleneck_width(c_out, g)
    emitted = c_out - c_in if stride == 2 else c_out
    bias = layout == "article"
    mixed: dict[str, Node] = {"shuffle": ChannelShuffle(g)}
    if not shuffle or (isinstance(g, int) and g == 1):
        mixed = {}
    # The release shuffles after the depthwise convolution, the paper before it.
    early, late = ({}, mixed) if layout == "official" else (mixed, {})
    parts: dict[str, Node] = {
        "pw1": Conv2d(c_in, m, groups=g if first_groups is None else first_groups, bias=bias),
        "bn1": BatchNorm(m),
        "relu": ReLU,
        **early,
        "dw": Conv2d(m, m, 3, stride, 1, groups=m, bias=bias),
        "bn2": BatchNorm(m),
        **late,
        "pw2": Conv2d(m, emitted, groups=g, bias=bias),
        "bn3": BatchNorm(emitted),
    }
    after: dict[str, Node] = {"relu": ReLU}
    if se and se_on == "branch":
        parts["se"] = squeeze_excitation(emitted)
    elif se:
        after["se"] = squeeze_excitation(c_out)
    if stride == 1:
        branch = seq(**parts)
        return Add((("branch", branch), ("shortcut", Identity())), after=tuple(after.items()))
    if layout == "official":
        parts["relu2"] = after.pop("relu")
    return Concat(
        (("shortcut", AvgPool2d(3, 2, 1)), ("branch", seq(**parts))), after=tuple(after.items())
    )


def squeeze_excitation(c: Number) -> Scale:
    """Squeeze and excitation of c channels with reduction 16 (SENet, section 3)."""
    reduced = c // SE_REDUCTION
    gate = seq(
        pool=GlobalAvgPool(),
        flatten=Flatten(),
        fc1=Linear(c, reduced),
        relu=ReLU,
        fc2=Linear(reduced, c),
        sigmoid=Activation("sigmoid"),
    )
    return Scale((("x", Identity()), ("gate", gate)))


def bottleneck_width(c_out: Number, g: Number) -> Number:
    """A quarter of c_out, which must split into g groups (section 3.2)."""
    if isinstance(c_out, int) and isinstance(g, int) and g > 0 and c_out % (4 * g):
        near = nearest_multiples(c_out, 4 * g)
        raise SpecError(
            f"c={c_out} cannot be split: g={g} needs output channels divisible by 4·g={4 * g}; "
            f"nearest {'is' if len(near) == 1 else 'are'} {' and '.join(map(str, near))}"
        )
    check_divisible("c", c_out, "the bottleneck ratio", 4)
    return exact_div(c_out, 4)


def network(
    widths: tuple[Number, ...],
    stem: Number,
    g: Number,
    *,
    units: tuple[int, ...] = UNITS,
    shuffle: bool = True,
    se: bool = False,
    se_on: Gated = "output",
    layout: Layout = "paper",
    classes: Number = 1000,
) -> Seq:
    """The network of Table 1 with any stage widths; widths may be ints, symbols or arrays."""
    conv1: dict[str, Node] = {"conv": Conv2d(3, stem, 3, 2, 1, bias=layout == "article")}
    if layout != "article":
        conv1 |= {"bn": BatchNorm(stem), "relu": ReLU}
    stages = {}
    c_in = stem
    for number, (width, repeat) in enumerate(zip(widths, units, strict=True), start=2):
        first, other = (
            unit(
                c,
                width,
                g,
                stride=stride,
                first_groups=1 if number == 2 and stride == 2 else None,
                shuffle=shuffle,
                se=se,
                se_on=se_on,
                layout=layout,
            )
            for c, stride in ((c_in, 2), (width, 1))
        )
        stages[f"stage{number}"] = seq(first, *[other] * (repeat - 1))
        c_in = width
    return seq(
        conv1=seq(**conv1),
        maxpool=MaxPool2d(3, 2, 1),
        **stages,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(c_in, classes, bias=layout != "official"),
    )


@family("ShuffleNet V1, Table 1", step=lambda given: 16 * given["g"])
def shufflenet_v1(
    g: Number = 3,
    scale: float = 1.0,
    rounding: Rounding = "exact",
    c: Number = derived(stage4_width),
    stem: Number = derived(scaled_stem),
    shuffle: bool = True,
    se: bool = False,
    se_on: Gated = "output",
    shallow: bool = False,
    layout: Layout = "paper",
    slip: bool = False,
    classes: Number = 1000,
) -> Network:
    """ShuffleNet V1 with g groups at a width scale, or with c channels in stage 4.

    Stages 2 and 3 have c/4 and c/2 channels, conv1 has `stem`. `se` gates each unit's output or,
    with `se_on="branch"`, its branch. `shallow` halves the units of each stage (section 4.3).
    `layout`: `paper`; `official`, the authors' release (shuffle after the depthwise convolution,
    ReLU before the concatenation, fc without bias); `article`, a PyTorch port with biased
    convolutions and nothing after conv1. `slip` is that port's 567 where Table 1 has 576 channels,
    at g=1.
    """
    if rounding == "up":
        stages: tuple[Number, ...] = scaled_widths(whole(g), scale, rounding).stages
        if not is_equal(c, stages[2]):
            raise InputError(f"rounding=up goes with a scale, not with c={c}: leave it out")
    else:
        stages = (exact_div(c, 4), exact_div(c, 2), c)
    if slip:
        if layout != "article" or not is_equal(g, 1) or scale != 1:
            raise InputError(
                "slip=true is the article's error: it needs layout=article, g=1 and scale=1"
            )
        stages = (*stages[:2], 567)
    return Network(
        network(
            stages,
            stem,
            g,
            units=SHALLOW_UNITS if shallow else UNITS,
            shuffle=shuffle,
            se=se,
            se_on=se_on,
            layout=layout,
            classes=classes,
        )
    )


for _g in STAGE_WIDTHS:
    variant(f"shufflenet_v1_x1_0_g{_g}", "shufflenet_v1", g=_g, scale=1.0)
for _g in (3, 8):
    for _scale in (0.5, 1.5, 2.0):
        variant(
            f"shufflenet_v1_x{str(_scale).replace('.', '_')}_g{_g}",
            "shufflenet_v1",
            g=_g,
            scale=_scale,
        )
variant("shufflenet_v1_x0_5_g1", "shufflenet_v1", g=1, scale=0.5)
variant("shufflenet_v1_x0_5_g4", "shufflenet_v1", g=4, scale=0.5, rounding="up")
variant("shufflenet_v1_x0_25_g1", "shufflenet_v1", g=1, scale=0.25)
variant("shufflenet_v1_x0_25_g3", "shufflenet_v1", g=3, scale=0.25)
variant("shufflenet_v1_x0_25_g8", "shufflenet_v1", g=8, scale=0.25, rounding="up")
