"""The widths of ShuffleNet V1 (arXiv 1707.01083v2): Table 1, scales of it, and its conv1."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, NamedTuple

from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.spec import Number
from shufflenet_flops.spec.numbers import check_at_least, exact_div, indicator
from shufflenet_flops.zoo.registry import Values

Rounding = Literal["exact", "up"]

# Output channels of stages 2, 3 and 4 at scale 1, by number of groups (Table 1).
STAGE_WIDTHS: dict[int, tuple[int, int, int]] = {
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}

# Channels of conv1 as the authors' release has them; the paper gives 24 at scale 1 and is silent
# about other scales. At g=8 half of 24 is no multiple of 8, hence 16.
_STEM_WIDTHS = {Fraction(1, 2): 12, Fraction(1): 24, Fraction(3, 2): 24, Fraction(2): 48}
_STEM_WIDTHS_G8 = {**_STEM_WIDTHS, Fraction(1, 2): 16}


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

    def stage(number: int, width: int) -> int:
        return _round(f"stage {number}", factor * width, 4 * g, scale, rounding)

    second, third, fourth = _table_1(g)
    stages = stage(2, second), stage(3, third), stage(4, fourth)
    published = (_STEM_WIDTHS_G8 if g == 8 else _STEM_WIDTHS).get(factor)
    stem = _round("conv1", Fraction(published or factor * 24), g, scale, rounding)
    return Widths(stem, stages)


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


def stage4_width(options: Values) -> Number:
    """Channels of stage 4 with `g` groups at a `scale`, as a rule of the family."""
    g, scale = options["g"], options["scale"]
    if isinstance(g, int):
        return scaled_widths(g, scale, options["rounding"]).stages[2]
    return _published_width(g, scale, "c and stem")


def scaled_stem(options: Values) -> Number:
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
