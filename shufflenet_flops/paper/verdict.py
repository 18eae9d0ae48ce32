"""A printed figure against a computed one: the rule that gives every verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Value: TypeAlias = int | Fraction | str
DigitMatch = Literal["rounded", "truncated", "same text", ""]

NEAR = Fraction(5, 100)


class CellVerdict(StrEnum):
    """How a printed figure stands to the computed one; `RULE` says when each is given."""

    EXACT = "exact"
    NEAR = "near"
    UNEXPLAINED = "unexplained"
    QUOTED = "quoted"


RULE: Mapping[CellVerdict, str] = MappingProxyType(
    {
        CellVerdict.EXACT: "the computed figure, rounded or else truncated to the printed digits "
        "(trailing zeros count), is the printed one; structure is the same text",
        CellVerdict.NEAR: f"not exact, but off by at most {float(NEAR):.0%}; the note says why",
        CellVerdict.UNEXPLAINED: "off by more; the note says what was tried",
        CellVerdict.QUOTED: "shown as printed, never computed: accuracies, times, and networks "
        "that the zoo does not have",
    }
)


class PrintedUnit(NamedTuple):
    """The base unit that computed figures are in, and how many of it one printed unit is.

    `scale` is None where text is compared, such as an output size of `28x28`.
    """

    base: str
    scale: Fraction | None


_K, _M, _G = Fraction(10**3), Fraction(10**6), Fraction(10**9)

UNITS: Mapping[str, PrintedUnit] = MappingProxyType(
    {
        "MAC": PrintedUnit("MAC", Fraction(1)),
        "MMAC": PrintedUnit("MAC", _M),
        "GMAC": PrintedUnit("MAC", _G),
        "params": PrintedUnit("params", Fraction(1)),
        "kparams": PrintedUnit("params", _K),
        "Kiparams": PrintedUnit("params", Fraction(1024)),
        "Mparams": PrintedUnit("params", _M),
        "activations": PrintedUnit("activations", Fraction(1)),
        "Mactivations": PrintedUnit("activations", _M),
        "kB": PrintedUnit("bytes", _K),
        "KiB": PrintedUnit("bytes", Fraction(1024)),
        "channels": PrintedUnit("channels", Fraction(1)),
        "groups": PrintedUnit("groups", Fraction(1)),
        "layers": PrintedUnit("layers", Fraction(1)),
        "%": PrintedUnit("%", Fraction(1)),
        "x": PrintedUnit("x", Fraction(1)),
        "text": PrintedUnit("text", None),
        # Of quoted figures only.
        "error %": PrintedUnit("error %", Fraction(1)),
        "accuracy %": PrintedUnit("accuracy %", Fraction(1)),
        "mAP %": PrintedUnit("mAP %", Fraction(1)),
        "ms": PrintedUnit("ms", Fraction(1)),
        "s": PrintedUnit("s", Fraction(1)),
        "batches/s": PrintedUnit("batches/s", Fraction(1)),
        "images/s": PrintedUnit("images/s", Fraction(1)),
    }
)

_SUFFIX = {"": Fraction(1), "k": _K, "M": _M, "G": _G, "%": Fraction(1), "x": Fraction(1)}
_FIGURE = re.compile(r"~?(\d+)(?:\.(\d+))?(?:e(\d+)|([kMG%x]?))")


class Figure(NamedTuple):
    """A printed number in base units, and its last printed digit's worth."""

    value: Fraction
    step: Fraction


def parse_figure(printed: str, unit: PrintedUnit) -> Figure | None:
    """`143M`, `~4.1e9` or `94.86%` as a number in base units; None for anything else."""
    match = _FIGURE.fullmatch(printed)
    if match is None or unit.scale is None:
        return None
    whole, decimals, exponent, suffix = match.groups(default="")
    scale = unit.scale * (Fraction(10 ** int(exponent)) if exponent else _SUFFIX[suffix])
    step = scale / 10 ** len(decimals)
    return Figure(int(whole + decimals) * step, step)


def as_printed(printed: str, unit: PrintedUnit, computed: Value) -> str:
    """The computed figure on the printed one's scale, two digits finer: `142.50` for `143M`."""
    figure = parse_figure(printed, unit)
    if figure is None or isinstance(computed, str):
        return f"{float(computed):.4g}" if isinstance(computed, Fraction) else str(computed)
    match = _FIGURE.fullmatch(printed)
    decimals = len(match[2] or "") if match else 0
    scaled = Fraction(computed) / (figure.step * 10**decimals)
    if scaled.denominator == 1 and not decimals:
        return str(scaled.numerator)
    return f"{float(scaled):.{decimals + 2}f}"


@dataclass(frozen=True)
class Judgement:
    """A verdict; which way of rounding gives the printed digits; (computed - printed) / printed."""

    verdict: CellVerdict
    match: DigitMatch = ""
    difference: float | None = None


def judge(printed: str, unit: PrintedUnit, computed: Value) -> Judgement:
    """The verdict on a printed figure by `RULE`; `computed` is in the unit's base unit."""
    figure = parse_figure(printed, unit)
    if figure is None or isinstance(computed, str):
        same = printed == str(computed)
        return (
            Judgement(CellVerdict.EXACT, "same text")
            if same
            else Judgement(CellVerdict.UNEXPLAINED)
        )
    difference = float((computed - figure.value) / figure.value)
    digits = Fraction(computed) / figure.step
    target = figure.value / figure.step
    # Halves round up, as people round.
    if math.floor(digits + Fraction(1, 2)) == target:
        return Judgement(CellVerdict.EXACT, "rounded", difference)
    if math.floor(digits) == target:
        return Judgement(CellVerdict.EXACT, "truncated", difference)
    close = abs(Fraction(computed) - figure.value) <= NEAR * figure.value
    return Judgement(CellVerdict.NEAR if close else CellVerdict.UNEXPLAINED, "", difference)
