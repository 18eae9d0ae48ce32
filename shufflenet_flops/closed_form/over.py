"""Sizes as the user names them: `h,w,n`, `width=16:256:16`, `h=320,n=8`."""

from __future__ import annotations

import re
from dataclasses import replace
from math import gcd

from shufflenet_flops.closed_form.domain import Range
from shufflenet_flops.design.sweep.axes import Axis, parse_axis
from shufflenet_flops.errors import InputError, shown


def parse_over(option: str, text: str) -> dict[str, Axis | None]:
    """The names in `h,n=1:64,width=16,32` with their values, None where none are given.

    Raises InputError for what is no name, for a name that comes twice, and for no values.
    """
    axes: dict[str, Axis | None] = {}
    for part in re.split(r",(?=\s*[^\W\d])", text):
        name, equals, values = (word.strip() for word in part.partition("="))
        if not name.isidentifier():
            raise InputError(
                f"--{option} {shown(text)}: write names with commas between them, as h,w,n, and "
                "values after an equals sign, as width=16:256:16"
            )
        if name in axes:
            raise InputError(f"--{option} {text}: {name} is named twice")
        axes[name] = _axis(option, name, values) if equals else None
    return axes


def _axis(option: str, name: str, values: str) -> Axis:
    return replace(parse_axis(f"{option} {name}", values), name=name)


def parse_at(text: str) -> dict[str, int]:
    """The sizes in `h=320,w=320`. Raises InputError."""
    sizes = {}
    for name, axis in parse_over("at", text).items():
        if axis is None or len(axis) != 1:
            raise InputError(f"--at {text}: give {name} one value, as in {name}=64")
        sizes[name] = axis[0]
    return sizes


def ranges(axes: dict[str, Axis | None]) -> dict[str, Range | None]:
    """What a formula is derived over. Raises InputError for values that are no one range."""
    found: dict[str, Range | None] = {}
    for name, axis in axes.items():
        if axis is None:
            found[name] = None
            continue
        (part, *others) = axis.parts
        if others:
            raise InputError(
                f"--over {name}: a formula is over one range, as {name}=16:256:16, not over a list"
            )
        found[name] = Range(part[0], part.step, part[-1])
    return found


def spanned(axis: Axis) -> Range:
    """The smallest range that holds all values of an axis."""
    first = axis[0]
    steps = [
        step for part in axis.parts for step in (part[0] - first, part.step if len(part) > 1 else 0)
    ]
    return Range(first, gcd(*steps) or 1, axis.parts[-1][-1])
