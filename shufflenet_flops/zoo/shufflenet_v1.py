"""ShuffleNet V1 (arXiv 1707.01083v2; CVPR 2018)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, NamedTuple

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
    check_at_least,
    check_divisible,
    exact_div,
    indicator,
    is_equal,
    nearest_multiples,
    whole,
)
from shufflenet_flops.zoo.registry import Network, Values, derived, family, variant

Layout = Literal["paper", "official", "article"]
Rounding = Literal["exact", "up"]

# Output channels of stages 2, 3 and 4 at scale 1, by number of groups (Table 1).
STAGE_WIDTHS: dict[int, tuple[int, int, int]] = {
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
UNITS = (4, 8, 4)
SHALLOW_UNITS = (2, 4, 2)
SE_REDUCTION = 16

# Channels of conv1 as the authors' release has them; the paper gives 24 at scale 1 and is silent
# about other scales. At g=8 half of 24 is no multiple of 8, hence 16.
_STEM_WIDTHS = {Fraction(1, 2): 12, Fraction(1): 24, Fraction(3, 2): 24, Fraction(2): 48}
_STEM_WIDTHS_G8 = {**_STEM_WIDTHS, Fraction(1, 2): 16}


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
    layout: Layout = "paper",
) -> Add | Concat:
    """The ShuffleNet unit, Figure 2: (b) with stride 1 adds, (c) with stride 2 concatenates.

    The bottleneck m is a quarter of c_out, taken before the shortcut's c_in channels are
    subtracted; the stride is on the depthwise convolution, so the first 1x1 runs at the input's
    size; with stride 2 the branch emits c_out - c_in channels. `first_groups` is for the first
    unit of stage 2, whose first 1x1 the paper leaves ungrouped.
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
    if se:
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
    """Squeeze and excitation with reduction 16 on a unit's output (SENet, section 3)."""
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


class Widths(NamedTuple):
    """Channels of conv1 and of stages 2 to 4."""

    stem: int
    stages: tuple[int, int, int]


def scaled_widths(g: int, scale: float, rounding: Rounding = "exact") -> Widths:
    """Channels at `scale` times Table 1.

    Stage widths must be multiples of 4g and conv1's of g. With `rounding="exact"` a scale that
    breaks this is refused; with `"up"` each width is raised to the next multiple that keeps it.
    """
    if not 0 < scale < math.inf:
        raise InputError(f"scale={scale}: must be a number above 0")
    factor = Fraction(str(scale))
    table = _table_1(g)
    stages = tuple(_round(f"stage {i}", factor * width, 4 * g, scale, rounding)
                   for i, width in enumerate(table, start=2))  # fmt: skip
    published = (_STEM_WIDTHS_G8 if g == 8 else _STEM_WIDTHS).get(factor)
    stem = _round("conv1", Fraction(published or factor * 24), g, scale, rounding)
    # As many stages as Table 1 has, three; a generator does not tell.
    return Widths(stem, stages)  # type: ignore[arg-type]


def _round(where: str, width: Fraction, step: int, scale: float, rounding: Rounding) -> int:
    up = int(-(-width // step)) * step
    if up != width and rounding == "exact":
        raise SpecError(
            f"scale={scale} gives {where} {_number(width)} channels, not a multiple of {step}; "
            f"rounding=up takes {up}"
        )
    return up


def _number(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else str(float(value))


def _table_1(g: int, instead: str = "c and stem") -> tuple[int, int, int]:
    """Table 1's stage widths. Raises SpecError for other groups, with what to give `instead`."""
    if g not in STAGE_WIDTHS:
        raise SpecError(
            f"g={g}: Table 1 has widths for g of {', '.join(map(str, STAGE_WIDTHS))}; "
            f"for others give {instead}"
        )
    return STAGE_WIDTHS[g]


def _published_width(g: Number, scale: float, instead: str) -> Number:
    """Channels of stage 4 at a scale, for an int or an array of groups. Raises as `_table_1`."""
    if isinstance(g, int):
        widths: Number = _table_1(g, instead)[2]
    else:
        widths = sum(of[2] * (1 - indicator(g != groups)) for groups, of in STAGE_WIDTHS.items())
        check_at_least("the published width", widths, 1)
    factor = Fraction(str(scale))
    return exact_div(widths * factor.numerator, factor.denominator)


def _stage4(options: Values) -> Number:
    g, scale = options["g"], options["scale"]
    if isinstance(g, int):
        return scaled_widths(g, scale, options["rounding"]).stages[2]
    return _published_width(g, scale, "c and stem")


def _scaled_stem(options: Values) -> Number:
    """conv1's channels: the published ones at the published width, scaled with c.

    They are raised to a multiple of g, because the first unit emits in g groups what conv1's
    channels leave of c/4.
    """
    g, scale = options["g"], options["scale"]
    if options["rounding"] == "up":
        return scaled_widths(g, scale, "up").stem
    factor = Fraction(str(scale))
    usual, eight = (of.get(factor, factor * 24) for of in (_STEM_WIDTHS, _STEM_WIDTHS_G8))
    # A stem of the paper's is whole; one of another scale may be a fraction of a channel.
    stem, parts = Fraction(usual).as_integer_ratio()
    if usual != eight:
        stem = int(eight) + (stem - int(eight)) * indicator(g != 8)
    unit = _published_width(g, scale, "stem") * g * parts
    channels: Number = (stem * options["c"] + unit - 1) // unit * g
    return channels


@family("ShuffleNet V1, Table 1", step=lambda given: 16 * given["g"])
def shufflenet_v1(
    g: Number = 3,
    scale: float = 1.0,
    rounding: Rounding = "exact",
    c: Number = derived(_stage4),
    stem: Number = derived(_scaled_stem),
    shuffle: bool = True,
    se: bool = False,
    shallow: bool = False,
    layout: Layout = "paper",
    slip: bool = False,
    classes: Number = 1000,
) -> Network:
    """ShuffleNet V1 with g groups at a width scale, or with c channels in stage 4.

    Stages 2 and 3 have c/4 and c/2 channels, conv1 has `stem`. `shallow` halves the units of each
    stage (section 4.3). `layout`: `paper`; `official`, the authors' release (shuffle after the
    depthwise convolution, ReLU before the concatenation, fc without bias); `article`, a PyTorch
    port with biased convolutions and nothing after conv1. `slip` is that port's 567 where Table 1
    has 576 channels, at g=1.
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
