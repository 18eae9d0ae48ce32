"""Sweeps: every configuration of a design space, or a sample, counted chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from shufflenet_flops.counting.metric import TIME, TOTALS
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.fit import SecondsOf
from shufflenet_flops.design.sweep.axes import Axis
from shufflenet_flops.design.sweep.filter import check_column, parse_filter
from shufflenet_flops.design.sweep.grid import (
    NEUTRAL,
    check_scales,
    counted,
    grid_values,
    network_at,
    sampled,
)
from shufflenet_flops.design.sweep.pareto import Array, front, in_figure
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design, check_used, find_design
from shufflenet_flops.zoo.scales import CALLED


@dataclass(frozen=True)
class Plan:
    """What to sweep: the product of `axes` for each of `designs`, or `sample` points of it.

    `where` filters rows; `minimise` and `maximise` are the columns of the Pareto front. `predicted`
    names the calibration by which each has a time, empty where none has.
    """

    designs: tuple[str, ...]
    axes: tuple[Axis, ...]
    minimise: tuple[str, ...] = ("macs",)
    maximise: tuple[str, ...] = ("c",)
    where: str | None = None
    sample: int | None = None
    seed: int = 0
    chunk: int = 2**17
    predicted: str = ""

    def found_designs(self) -> list[Design]:
        """The designs themselves."""
        return [find_design(name) for name in self.designs]

    def axes_of(self, design: Design) -> list[Axis]:
        """Those axes that `design` has; scales come first, each a network of its own."""
        own = [axis for axis in self.axes if axis.name in design.variables]
        return [*self.scales(), *own]

    def scales(self) -> list[Axis]:
        """The axes that scale a network; every design has them."""
        return [axis for axis in self.axes if axis.name in CALLED]

    def size(self, design: Design) -> int:
        """Configurations in one design's grid."""
        return prod(len(axis) for axis in self.axes_of(design))

    def drawn(self) -> tuple[str, ...]:
        """The metrics that a figure draws: the first two of the front, y before x."""
        return (*self.minimise, *self.maximise)[:2]

    def columns(self) -> list[str]:
        """The scales, the variables of any design, then the metrics."""
        return _columns(
            [name for design in self.found_designs() for name in design.variables], self
        )

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON types, for a manifest; equal plans give equal ones."""
        return asdict(self) | {
            "designs": list(self.designs),
            "axes": {
                axis.name: [
                    [axis.value(end) for end in (part.start, part[-1], part.step)]
                    for part in axis.parts
                ]
                for axis in self.axes
            },
            "minimise": list(self.minimise),
            "maximise": list(self.maximise),
        }


@dataclass(frozen=True)
class Chunk:
    """Configurations `start` to `stop` (excluded) of the grid or sample of one design."""

    number: int
    design: str
    start: int
    stop: int


SweepRow = dict[str, int | float | str]


@dataclass(frozen=True)
class Summary:
    """What a chunk, or a whole sweep, came to; `front` is its Pareto front as rows.

    `invalid` configurations make no network, `filtered` ones did not pass the filter. `shown` is a
    sample for a figure, in the metrics that it draws.
    """

    configurations: int = 0
    invalid: int = 0
    filtered: int = 0
    kept: int = 0
    front: tuple[SweepRow, ...] = ()
    shown: tuple[SweepRow, ...] = field(default=(), repr=False)

    def plus(self, other: Summary, plan: Plan) -> Summary:
        """Both together: the front of two fronts is the front of all."""
        rows = (*self.front, *other.front)
        return Summary(
            self.configurations + other.configurations,
            self.invalid + other.invalid,
            self.filtered + other.filtered,
            self.kept + other.kept,
            tuple(rows[i] for i in _front(rows, plan)),
            (*self.shown, *other.shown),
        )


def check_plan(plan: Plan, limit: int) -> None:
    """Raise InputError or UnknownNameError for a plan that cannot be carried out."""
    designs = plan.found_designs()
    if not plan.axes:
        raise InputError("what is to vary? give ranges, as in --c 64:1024:16 --g 1,2,3,4,8")
    check_used(designs, {axis.name: axis for axis in plan.axes if axis.name not in CALLED})
    check_scales(designs, plan.axes)
    for axis in plan.axes:
        if axis.name == "stride" and (len(axis) > 1 or axis[0] > 2):
            raise InputError("--stride: a sweep has one stride, 1 or 2")
    common = _common_columns(designs, plan)
    for column in (*plan.minimise, *plan.maximise):
        check_column(column, common)
    both = set(plan.minimise) & set(plan.maximise)
    if both:
        raise InputError(f"--min and --max both name {', '.join(sorted(both))}: choose one")
    if plan.where is not None:
        parse_filter(plan.where, common)
    for design in designs:
        size = plan.size(design)
        if plan.sample is None and size > limit:
            raise InputError(
                f"the grid of {design.name} has {size:,} configurations, more than {limit:,}: "
                "take coarser ranges, --sample 1000000, or a higher --max-configurations"
            )
        if size >= 2**63:
            raise InputError(
                f"the grid of {design.name} has {size:,} configurations: it must have less than "
                "2^63"
            )
        if plan.sample is not None and plan.sample > min(size, limit):
            raise InputError(
                f"--sample {plan.sample:,}: the grid of {design.name} has {size:,} configurations, "
                f"and the limit is {limit:,}"
            )


def _columns(variables: Sequence[str], plan: Plan) -> list[str]:
    """The scales, then these variables without those that a scale stands for, then the metrics."""
    scales = [axis.name for axis in plan.scales()]
    sizes = ("h", "w") if "resolution" in scales else ()
    metrics = (*TOTALS, TIME.name) if plan.predicted else TOTALS
    return [*dict.fromkeys((*scales, *(name for name in variables if name not in sizes))), *metrics]


def _common_columns(designs: Sequence[Design], plan: Plan) -> list[str]:
    """Columns that have a value for every design."""
    names = dict.fromkeys(name for design in designs for name in design.variables)
    common = [
        name
        for name in names
        if name in NEUTRAL or all(name in design.variables for design in designs)
    ]
    return _columns(common, plan)


def chunks(plan: Plan) -> Iterator[Chunk]:
    """The chunks of a plan, in order."""
    number = 0
    for design in plan.found_designs():
        size = plan.size(design) if plan.sample is None else plan.sample
        for start in range(0, size, plan.chunk):
            yield Chunk(number, design.name, start, min(start + plan.chunk, size))
            number += 1


def chunk_count(plan: Plan) -> int:
    """How many chunks a plan has."""
    sizes = (
        plan.size(design) if plan.sample is None else plan.sample for design in plan.found_designs()
    )
    return sum(-(-size // plan.chunk) for size in sizes)


@dataclass(frozen=True)
class CountedChunk:
    """The rows of one chunk as columns, and their summary."""

    design: str
    columns: Mapping[str, Array]
    summary: Summary


def count_chunk(plan: Plan, chunk: Chunk, seconds_of: SecondsOf | None = None) -> CountedChunk:
    """Count one chunk, and predict its times where `seconds_of` is given.

    Raises InputError for a metric that no int64 holds.
    """
    design = find_design(chunk.design)
    configurations = chunk.stop - chunk.start
    points = grid_values(plan.axes_of(design), _positions(plan, chunk, design))
    size, columns = counted(design, points, configurations, seconds_of)
    del points  # as much memory as the columns
    kept = size
    if plan.where is not None:
        mask = parse_filter(plan.where, list(columns)).mask(columns)
        columns = {name: column[mask] for name, column in columns.items()}
        kept = int(mask.sum())
    low, high = ([columns[name] for name in names] for names in (plan.minimise, plan.maximise))
    names = [name for name in plan.columns() if name in columns]
    sample = in_figure(kept, chunk.number, chunk_count(plan))
    summary = Summary(
        configurations=configurations,
        invalid=configurations - size,
        filtered=size - kept,
        kept=kept,
        front=_rows(design.name, columns, names, front(low, high)),
        shown=_rows(design.name, columns, plan.drawn(), sample),
    )
    return CountedChunk(design.name, {name: columns[name] for name in names}, summary)


def _positions(plan: Plan, chunk: Chunk, design: Design) -> Array:
    """Where in the design's grid the configurations of a chunk are."""
    index = np.arange(chunk.start, chunk.stop)
    if plan.sample is None:
        return index
    return sampled(index, plan.size(design), plan.sample, plan.seed + chunk.number)


def why_invalid(plan: Plan) -> str:
    """The rule that the grid's first configuration breaks, where all break one."""
    design = plan.found_designs()[0]
    try:
        network = network_at(design.name, {axis.name: axis[0] for axis in plan.axes_of(design)})
        totals(network.spec, network.input)
    except SpecError as error:
        return str(error)
    raise AssertionError("a network that the sweep has missed")


def _rows(
    design: str, columns: Mapping[str, Array], names: Sequence[str], at: npt.NDArray[np.intp]
) -> tuple[SweepRow, ...]:
    picked = {name: columns[name][at].tolist() for name in names}
    return tuple(
        {"design": design, **dict(zip(picked, row, strict=True))}
        for row in zip(*picked.values(), strict=True)
    )


def _front(rows: Sequence[SweepRow], plan: Plan) -> Iterable[int]:
    """Positions of the front among rows of any chunks, in an order that chunks do not change."""
    low, high = (
        [np.array([row[name] for row in rows]) for name in names]
        for names in (plan.minimise, plan.maximise)
    )
    indices = front(low, high).tolist()
    return sorted(indices, key=lambda i: _rank(rows[i], plan))


def _rank(row: SweepRow, plan: Plan) -> tuple[Any, ...]:
    return (
        *(row[name] for name in plan.minimise),
        *(-_number(row, name) for name in plan.maximise),
        plan.designs.index(str(row["design"])),
        *(value for name, value in row.items() if name != "design"),
    )


def _number(row: SweepRow, name: str) -> int | float:
    value = row[name]
    assert not isinstance(value, str)
    return value
