"""A sweep's Pareto front, and what became of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shufflenet_flops.counting.metric import TIME, TOTALS, find_metric
from shufflenet_flops.design.sweep.plan import Plan, Summary, SweepRow, why_invalid
from shufflenet_flops.report.grid import Cell, Column, Grid, grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shufflenet_flops.latency.stats import Latency

LINES = 20


@dataclass(frozen=True)
class Swept:
    """A finished sweep.

    `resumed` chunks were done by an earlier run; `latencies` are of the front's first rows.
    """

    plan: Plan
    summary: Summary
    seconds: float
    output: str | None
    resumed: int = 0
    latencies: tuple[Latency, ...] = ()


@dataclass(frozen=True)
class SweepResult:
    """What became of a sweep's configurations, with the rows of the Pareto front.

    `pareto` rows have the `columns` of their design, and `latency_s` where they were measured.
    `why_invalid` is given where no configuration makes a network. `output` is where all rows are.
    """

    designs: tuple[str, ...]
    axes: tuple[str, ...]
    columns: tuple[str, ...]
    configurations: int
    invalid: int
    why_invalid: str | None
    filtered: int
    kept: int
    minimise: tuple[str, ...]
    maximise: tuple[str, ...]
    where: str | None
    pareto: tuple[Mapping[str, Any], ...]
    seconds: float
    resumed_chunks: int
    output: str | None
    predicted: str = ""


def sweep_result(swept: Swept) -> SweepResult:
    """The result of `sweep`."""
    plan, summary = swept.plan, swept.summary
    front: list[dict[str, Any]] = [dict(row) for row in summary.front]
    for row, latency in zip(front, swept.latencies, strict=False):
        row["latency_s"] = {"median": latency.median, "q1": latency.q1, "q3": latency.q3}
    none_is_valid = summary.configurations == summary.invalid
    return SweepResult(
        designs=plan.designs,
        axes=tuple(axis.name for axis in plan.axes),
        columns=tuple(plan.columns()),
        configurations=summary.configurations,
        invalid=summary.invalid,
        why_invalid=why_invalid(plan) if none_is_valid else None,
        filtered=summary.filtered,
        kept=summary.kept,
        minimise=tuple(plan.minimise),
        maximise=tuple(plan.maximise),
        where=plan.where,
        pareto=tuple(front),
        seconds=swept.seconds,
        resumed_chunks=swept.resumed,
        output=swept.output,
        predicted=plan.predicted,
    )


def sweep_grid(result: SweepResult) -> Grid:
    """Rows of the front: some of them where it is long, or its first where those were measured.

    Columns that are the same all over are left to the notes, and FLOPs, two for each MAC, to JSON
    and CSV unless the front is of them.
    """
    front = result.pareto
    same = _same(result)
    measured = any("latency_s" in row for row in front)
    varied = [name for name in _names(result) if name not in same]
    columns = [
        *(Column(_heading(name), figures=name != "design") for name in varied),
        *([Column("latency ms")] if measured else []),
    ]
    rows: list[list[Cell | str]] = []
    for i in _shown(len(front), measured):
        cells: list[Cell | str] = [
            f"{1e3 * front[i][name]:.3f}" if name == TIME.name else _cell(front[i].get(name))
            for name in varied
        ]
        if measured:
            latency = front[i].get("latency_s")
            cells.append(f"{1e3 * latency['median']:.3f}" if latency else "–")
        rows.append(cells)
    goal = [f"least {_words(name)}" for name in result.minimise]
    goal += [f"most {_words(name)}" for name in result.maximise]
    return grid(f"Pareto front: {', '.join(goal)}", columns, rows, _notes(result, same))


def _names(result: SweepResult) -> list[str]:
    """The columns that any row of the front has."""
    goals = {*result.minimise, *result.maximise}
    return [
        name
        for name in ("design", *result.columns)
        if any(name in row for row in result.pareto) and (name != "flops" or name in goals)
    ]


def _same(result: SweepResult) -> dict[str, Any]:
    """Columns that need no place in the table, with the one value that they have."""
    front = result.pareto
    kept = {*result.minimise, *result.maximise, TIME.name}
    # Of one row alone nothing is told apart; what was swept and counted stays in the table.
    if len(front) == 1:
        kept |= {*result.axes, *TOTALS}
    return {
        name: front[0].get(name)
        for name in _names(result)
        if name not in kept and len({row.get(name) for row in front}) == 1
    }


def _shown(number: int, measured: bool) -> list[int]:
    """Positions in the front of the rows to show: from the first to the last, evenly spaced."""
    if number <= LINES or measured:
        return list(range(min(number, LINES)))
    return [i * (number - 1) // (LINES - 1) for i in range(LINES)]


def _words(name: str) -> str:
    return _heading(name).replace("\n", " ")


def _heading(name: str) -> str:
    return find_metric(name).heading if name in (*TOTALS, TIME.name) else name


def _cell(value: float | str | None) -> str:
    return value or "–" if isinstance(value, str | None) else f"{value:,}"


def _notes(result: SweepResult, same: Mapping[str, Any]) -> list[str]:
    notes = []
    if same:
        notes.append(
            "in every row: " + ", ".join(f"{name}={_cell(value)}" for name, value in same.items())
        )
    if result.predicted:
        notes.append(f"predicted from the calibration of {result.predicted}")
    length = len(result.pareto)
    if length > LINES:
        notes.append(f"{LINES} rows of the front; JSON and CSV have all {length:,}")
    became = [f"{result.invalid:,} that make no network"]
    if result.where is not None:
        became.append(f"{result.filtered:,} that the filter leaves out")
    became.append(f"{result.kept:,} counted, {length:,} of them on the front")
    notes.append(f"swept {result.configurations:,}: {', '.join(became)}")
    if result.why_invalid is not None:
        notes.append(f"for example, {result.why_invalid}")
    if result.seconds >= 1:  # less is the start of the program
        notes.append(f"{result.seconds:.1f} s")
    if result.resumed_chunks:
        notes.append(f"{result.resumed_chunks:,} chunks were done by an earlier run")
    if result.output:
        notes.append(f"all rows are in {result.output}")
    return notes


def draw_sweep(swept: Swept) -> Figure:
    """The front among a sample of the rows, in the first two of the plan's metrics."""
    from shufflenet_flops.report.plot.design import draw_front

    y, x = swept.plan.drawn()
    stairs: Literal["pre", "post"] | None = None
    if len(swept.plan.minimise) + len(swept.plan.maximise) == 2:
        stairs = "post" if x in swept.plan.minimise else "pre"

    def points(rows: Sequence[SweepRow]) -> list[tuple[float, float]]:
        return [(float(row[x]) / _scale(x), float(row[y]) / _scale(y)) for row in rows]

    return draw_front(
        points(swept.summary.shown),
        points(swept.summary.front),
        title=", ".join(swept.plan.designs),
        x_label=_label(x),
        y_label=_label(y),
        stairs=stairs,
    )


def _scale(name: str) -> float:
    return 1e-3 if name == TIME.name else 1e6 if name in TOTALS else 1.0


def _label(name: str) -> str:
    from shufflenet_flops.report.view.formula_series import AXES

    if name == TIME.name:
        return "predicted ms"
    return find_metric(name).axis("M") if name in TOTALS else AXES.get(name, name)
