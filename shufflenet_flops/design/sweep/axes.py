"""The axes of a design space: lists and ranges of whole numbers, never written out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from shufflenet_flops.errors import InputError, shown

_LONGEST = 30  # digits, of which 2^63 has 19
_PART = re.compile(r"(\d+)(?::(\d+)(?::(\d+))?)?", re.ASCII)


@dataclass(frozen=True)
class Axis:
    """The values of one variable, increasing, as ranges one after the other."""

    name: str
    parts: tuple[range, ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __iter__(self) -> Iterator[int]:
        for part in self.parts:
            yield from part

    def __getitem__(self, index: int) -> int:
        starts = [0, *accumulate(len(part) for part in self.parts)]
        which = bisect_right(starts, index) - 1
        return self.parts[which][index - starts[which]]


def parse_axis(name: str, text: str) -> Axis:
    """`1,2,4` or `64:1024:16` (first:last:step, the last included) or both as an Axis.

    Raises InputError for what is not that, for an empty range, and for a value named twice.
    """
    parts = sorted((_part(name, text, part.strip()) for part in text.split(",")), key=_first)
    for before, after in pairwise(parts):
        if after[0] <= before[-1]:
            raise InputError(
                f"--{name} {text}: {after[0]} comes within {before[0]}:{before[-1]}; "
                "parts must not overlap"
            )
    return Axis(name, tuple(parts))


def _first(part: range) -> int:
    return part[0]


def _part(name: str, text: str, part: str) -> range:
    if any(len(digits) > _LONGEST for digits in re.findall("[0-9]+", part)):
        raise InputError(f"--{name} {shown(text)}: values must be less than 2^63")
    match = _PART.fullmatch(part)
    if match is None:
        raise InputError(
            f"--{name} {text}: {part!r} is neither a whole number nor a range first:last:step, "
            "as in 1,2,4 or 64:1024:16"
        )
    first, last, step = (int(number) if number else None for number in match.groups())
    assert first is not None
    if first < 1 or step == 0:
        raise InputError(f"--{name} {text}: values and steps must be at least 1")
    numbers = range(first, (first if last is None else last) + 1, step or 1)
    if not numbers:
        raise InputError(f"--{name} {text}: {part} is empty; a range is first:last:step")
    if numbers[-1] >= 2**63:
        raise InputError(f"--{name} {text}: values must be less than 2^63")
    return numbers
