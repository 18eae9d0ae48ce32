"""The points of a design's grid: the values of its axes, and the networks that they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from shufflenet_flops.counting.metric import TIME, TOTALS
from shufflenet_flops.design.fit import SecondsOf
from shufflenet_flops.design.sweep.axes import Axis
from shufflenet_flops.design.sweep.pareto import Array
from shufflenet_flops.design.sweep.predicted import predict_many
from shufflenet_flops.design.sweep.vectorized import count_many, joined
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo import Design, Network, find_design
from shufflenet_flops.zoo.registry import parse_name
from shufflenet_flops.zoo.scales import CALLED, Scale, is_image_size, scaled

# Each takes some hundredths of a second; what varies within one is counted millions at a time.
MOST_NETWORKS = 10_000
# Dense and with stride 1: what a design without such a variable is.
NEUTRAL = {"g": 1, "stride": 1}
# The axes of scales that also say what another axis says.
_SAME: Mapping[str, tuple[str, ...]] = {
    "width": ("c",),
    "depth": (),
    "phi": ("width", "depth", "resolution", "c", "h", "w"),
    "resolution": ("h", "w"),
}


def check_scales(designs: Sequence[Design], axes: Sequence[Axis]) -> None:
    """Raise InputError for a scale that a design does not have, or that two axes set."""
    names = [axis.name for axis in axes]
    for name in names:
        for other in _SAME.get(name, ()):
            if other in names:
                raise InputError(f"--{name} and --{other} both set the {other}: give one of them")
        for design in designs if name in CALLED else ():
            if name != "resolution" or "h" not in design.variables:
                scaled(design.name, {name: 1})
    for design in designs:
        family, _ = parse_name(design.name)
        number = prod(
            len(axis)
            for axis in axes
            if axis.name in CALLED and not (axis.name == "resolution" and is_image_size(family))
        )
        if number > MOST_NETWORKS:
            raise InputError(
                f"{number:,} scales of {design.name} are {number:,} networks, more than "
                f"{MOST_NETWORKS:,}: take coarser ranges"
            )


def grid_values(axes: Sequence[Axis], index: Array) -> dict[str, Any]:
    """Every axis's value at many points of the grid; an axis of one value stays a number."""
    values: dict[str, Any] = {}
    for axis in reversed(axes):
        if len(axis) == 1:
            values[axis.name] = axis[0]
            continue
        index, position = np.divmod(index, len(axis))
        values[axis.name] = _at(axis, position)
    return values


def sampled(i: Array, size: int, sample: int, seed: int) -> Array:
    """One point of each of `sample` equal strata of the grid, so that none comes twice.

    Stratum i begins at i * size // sample, computed without leaving int64.
    """
    whole, part = divmod(size, sample)
    begin: Array = i * whole + i * part // sample
    end = (i + 1) * whole + (i + 1) * part // sample
    drawn: Array = np.random.default_rng(seed).integers(begin, end)
    return drawn


def counted(
    design: Design, values: Mapping[str, Any], size: int, seconds_of: SecondsOf | None = None
) -> tuple[int, dict[str, Array]]:
    """The configurations that make a network: how many, and variables and TOTALS as columns.

    With `seconds_of` also their predicted times.
    """
    sizes = _as_sizes(design, values)
    parts = []
    for scales, others, length in _by_scale(sizes, size):
        try:
            at = _design_at(design, scales)
        except SpecError:
            continue
        found = count_many(at, _as_arrays(at, others, length))
        kept = len(found.kept)
        constants = {
            name: np.full(kept, value)
            for name, value in {**NEUTRAL, **scales}.items()
            if name not in found.variables
        }
        parts.append({**constants, **found.variables, **found.metrics})
        if seconds_of is not None:
            parts[-1][TIME.name] = predict_many(at, found.variables, seconds_of)
    if not parts:
        return 0, dict.fromkeys(
            (*NEUTRAL, *values, *design.variables, *TOTALS, TIME.name), np.empty(0, int)
        )
    columns = joined(parts)
    if "resolution" in values:
        columns.setdefault("resolution", columns["h"])
    return len(columns["c"]), columns


def network_at(name: str, row: Mapping[str, Any]) -> Network:
    """The network of one configuration. Raises SpecError where there is none."""
    design = find_design(name)
    values = _as_sizes(design, row)
    at = _design_at(design, {name: value for name, value in values.items() if name in CALLED})
    return at.build(**at.fill(at.known(values)))


def _as_sizes(design: Design, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the resolution as the height (which the width follows) where it is one."""
    family, _ = parse_name(design.name)
    if "resolution" not in values or not is_image_size(family):
        return dict(values)
    others = {name: value for name, value in values.items() if name != "resolution"}
    return {**others, "h": values["resolution"]}


def _by_scale(
    values: Mapping[str, Any], size: int
) -> Iterator[tuple[dict[str, Scale], dict[str, Any], int]]:
    """The points in stretches of one scale each: the scales, the other values, how many."""
    names = [name for name in values if name in CALLED]
    varied = [values[name] for name in names if isinstance(values[name], np.ndarray)]
    changes = [(np.flatnonzero(np.diff(column)) + 1).tolist() for column in varied]
    # No np.unique, which imports numpy.ma: 2 MB and 5 ms.
    for start, stop in pairwise(sorted({0, size}.union(*changes))):
        part = {
            name: value[start:stop] if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }
        scales = {
            name: value[0].item() if isinstance(value, np.ndarray) else value
            for name, value in part.items()
            if name in names
        }
        yield scales, {name: part[name] for name in part if name not in names}, stop - start


def _design_at(design: Design, scales: Mapping[str, Scale]) -> Design:
    return find_design(scaled(design.name, scales)) if scales else design


def _as_arrays(design: Design, values: Mapping[str, Any], size: int) -> dict[str, Any]:
    """The values with at least one array among them."""
    if values and all(isinstance(value, int) for value in values.values()):
        name, value = next(iter(values.items()))
        return {**values, name: np.full(size, value)}
    return dict(values) or {"c": np.array([design.fill({})["c"]])}


def _at(axis: Axis, position: Array) -> Array:
    """The axis's values at many positions."""
    lengths = [len(part) for part in axis.parts]
    starts = np.cumsum([0, *lengths[:-1]])
    which = np.searchsorted(starts, position, side="right") - 1
    first: Array = np.array([part.start for part in axis.parts])
    step: Array = np.array([part.step for part in axis.parts])
    counts: Array = first[which] + step[which] * (position - starts[which])
    values: Array = axis.value(counts)
    return values
