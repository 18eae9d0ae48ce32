"""The axes of a design space: lists and ranges of numbers, never written out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

from shufflenet_flops.counting.metric import METRICS
from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.zoo.scales import CALLED, DECIMAL

_LONGEST = 30  # digits, of which 2^63 has 19
_MOST_PLACES = 6
_PART = re.compile(r"(\d+)(?::(\d+)(?::(\d+))?)?", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.(\d+))?", re.ASCII)


@dataclass(frozen=True)
class Axis:
    """The values of one variable, increasing, as ranges one after the other.

    The ranges count in steps of 1 / `unit`: 0.35 is 35 where the unit is 100.
    """

    name: str
    parts: tuple[range, ...]
    unit: int = 1

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts:
            yield from map(self.value, part)

    def __getitem__(self, index: int) -> Any:
        starts = [0, *accumulate(len(part) for part in self.parts)]
        which = bisect_right(starts, index) - 1
        return self.value(self.parts[which][index - starts[which]])

    def value(self, count: Any) -> Any:
        """Of a number in the ranges, or an array of them, what it stands for: an int or a float."""
        return count if self.unit == 1 else count / self.unit


def parse_axis(name: str, text: str) -> Axis:
    """`1,2,4` or `64:1024:16` (first:last:step, the last included) or both as an Axis.

    Raises InputError for what is not that, for an empty range, and for a value named twice.
    """
    return Axis(name, _parts(name, text))


def parse_decimal_axis(name: str, text: str, *, from_zero: bool = False) -> Axis:
    """As `parse_axis`, of decimals: `0.35:1.4:0.05` is exactly 22 values, with no sum of floats."""
    _check_lengths(name, text)
    places = max((len(number[1] or "") for number in _NUMBER.finditer(text)), default=0)
    if places > _MOST_PLACES:
        raise InputError(f"--{name} {shown(text)}: give at most {_MOST_PLACES} decimals")
    unit = 10**places

    def whole(number: re.Match[str]) -> str:
        return str(int(Decimal(number[0]) * unit))

    try:
        return Axis(name, _parts(name, _NUMBER.sub(whole, text), int(not from_zero)), unit)
    except InputError:
        least = "from" if from_zero else "above"
        raise InputError(
            f"--{name} {shown(text)}: write numbers {least} 0 and ranges first:last:step that do "
            "not overlap, as in 0.5,1 or 0.35:1.4:0.05"
        ) from None


def _check_lengths(name: str, text: str) -> None:
    """Raise InputError for more digits than are worth turning into a number."""
    if any(len(digits) > _LONGEST for digits in re.findall("[0-9]+", text)):
        raise InputError(f"--{name} {shown(text)}: values must be less than 2^63")


def _parts(name: str, text: str, least: int = 1) -> tuple[range, ...]:
    _check_lengths(name, text)
    parts = sorted((_part(name, text, part.strip(), least) for part in text.split(",")), key=_first)
    for before, after in pairwise(parts):
        if after[0] <= before[-1]:
            raise InputError(
                f"--{name} {text}: {after[0]} comes within {before[0]}:{before[-1]}; "
                "parts must not overlap"
            )
    return tuple(parts)


def _first(part: range) -> int:
    return part[0]


def _part(name: str, text: str, part: str, least: int) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise InputError(
            f"--{name} {text}: {part!r} is neither a whole number nor a range first:last:step, "
            "as in 1,2,4 or 64:1024:16"
        )
    first, last, step = (int(number) if number else None for number in match.groups())
    assert first is not None
    if first < least or step == 0:
        raise InputError(f"--{name} {text}: values and steps must be at least 1")
    numbers = range(first, (first if last is None else last) + 1, step or 1)
    if not numbers:
        raise InputError(f"--{name} {text}: {part} is empty; a range is first:last:step")
    if numbers[-1] >= 2**63:
        raise InputError(f"--{name} {text}: values must be less than 2^63")
    return numbers


def default_goals(axes: Sequence[Axis]) -> tuple[list[str], list[str]]:
    """What a front minimises and maximises unless it is told: MACs, and channels or the scales."""
    return ["macs"], [axis.name for axis in axes if axis.name in CALLED] or ["c"]


def read_axes(given: Mapping[str, str | None]) -> tuple[Axis, ...]:
    """The axes as they are written, of those that are; those of scales may have decimals."""
    return tuple(
        parse_decimal_axis(name, text, from_zero=name == "phi")
        if name in DECIMAL
        else parse_axis(name, text)
        for name, text in given.items()
        if text is not None
    )


def goals_of(
    axes: Sequence[Axis], least: Sequence[str] | None, most: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The columns to minimise and to maximise, as they are saved, or those of the axes.

    `time` and `memory` are short for a metric with its unit.
    """
    if not least and not most:
        return default_goals(axes)
    names = {metric.key: metric.name for metric in METRICS}
    minimise, maximise = (
        [names.get(name, name) for name in given or ()] for given in (least, most)
    )
    return minimise, maximise
