"""A sweep's Pareto front, and what became of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shufflenet_flops.counting.metric import TOTALS, find_metric
from shufflenet_flops.design.sweep.plan import Plan, Row, Summary, why_invalid
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


def sweep_result(swept: Swept) -> dict[str, Any]:
    """The JSON result."""
    summary = swept.summary
    front: list[dict[str, Any]] = [dict(row) for row in summary.front]
    for row, latency in zip(front, swept.latencies, strict=False):
        row["latency_s"] = {"median": latency.median, "q1": latency.q1, "q3": latency.q3}
    return {
        "configurations": summary.configurations,
        "invalid": summary.invalid,
        "filtered": summary.filtered,
        "kept": summary.kept,
        "minimise": list(swept.plan.minimise),
        "maximise": list(swept.plan.maximise),
        "where": swept.plan.where,
        "pareto": front,
        "seconds": swept.seconds,
        "resumed_chunks": swept.resumed,
        "output": swept.output,
    }


def sweep_grid(swept: Swept) -> Grid:
    """Rows of the front: some of them where it is long, or its first where those were measured.

    Columns that are the same all over are left to the notes, and FLOPs, two for each MAC, to JSON
    and CSV unless the front is of them.
    """
    summary, plan = swept.summary, swept.plan
    front = summary.front
    goals = {*plan.minimise, *plan.maximise}
    names = [
        name
        for name in ("design", *plan.columns())
        if any(name in row for row in front) and (name != "flops" or name in goals)
    ]
    # Of one row alone nothing is told apart; what was swept and counted stays in the table.
    swept_axes = {axis.name for axis in plan.axes} if len(front) == 1 else set()
    kept = goals | swept_axes | set(TOTALS if len(front) == 1 else ())
    same = {
        name: front[0].get(name)
        for name in names
        if name not in kept and len({row.get(name) for row in front}) == 1
    }
    varied = [name for name in names if name not in same]
    columns = [
        *(Column(_heading(name), figures=name != "design") for name in varied),
        *([Column("latency ms")] if swept.latencies else []),
    ]
    rows: list[list[Cell | str]] = []
    for i in _shown(swept):
        row = front[i]
        cells: list[Cell | str] = [_cell(row.get(name)) for name in varied]
        if swept.latencies:
            measured = i < len(swept.latencies)
            cells.append(f"{1e3 * swept.latencies[i].median:.3f}" if measured else "–")
        rows.append(cells)
    goal = [f"least {_words(name)}" for name in plan.minimise]
    goal += [f"most {_words(name)}" for name in plan.maximise]
    return grid(f"Pareto front: {', '.join(goal)}", columns, rows, _notes(swept, same))


def _shown(swept: Swept) -> list[int]:
    """Positions in the front of the rows to show: from the first to the last, evenly spaced."""
    number = len(swept.summary.front)
    if number <= LINES or swept.latencies:
        return list(range(min(number, LINES)))
    return [i * (number - 1) // (LINES - 1) for i in range(LINES)]


def _words(name: str) -> str:
    return _heading(name).replace("\n", " ")


def _heading(name: str) -> str:
    return find_metric(name).heading if name in TOTALS else name


def _cell(value: int | str | None) -> str:
    return f"{value:,}" if isinstance(value, int) else value or "–"


def _notes(swept: Swept, same: Mapping[str, Any]) -> list[str]:
    summary = swept.summary
    notes = []
    if same:
        notes.append(
            "in every row: " + ", ".join(f"{name}={_cell(value)}" for name, value in same.items())
        )
    if len(summary.front) > LINES:
        notes.append(f"{LINES} rows of the front; JSON and CSV have all {len(summary.front):,}")
    became = [f"{summary.invalid:,} that make no network"]
    if swept.plan.where is not None:
        became.append(f"{summary.filtered:,} that the filter leaves out")
    became.append(f"{summary.kept:,} counted, {len(summary.front):,} of them on the front")
    notes.append(f"swept {summary.configurations:,}: {', '.join(became)}")
    if summary.configurations == summary.invalid:
        notes.append(f"for one, {why_invalid(swept.plan)}")
    if swept.seconds >= 1:  # less is the start of the program
        notes.append(f"{swept.seconds:.1f} s")
    if swept.resumed:
        notes.append(f"{swept.resumed:,} chunks were done by an earlier run")
    if swept.output:
        notes.append(f"all rows are in {swept.output}")
    return notes


def draw_sweep(swept: Swept) -> Figure:
    """The front among a sample of the rows, in the first two of the plan's metrics."""
    from shufflenet_flops.report.plot.design import draw_front

    goals = (*swept.plan.minimise, *swept.plan.maximise)
    y, x = goals[:2]
    stairs: Literal["pre", "post"] | None = None
    if len(goals) == 2:
        stairs = "post" if x in swept.plan.minimise else "pre"

    def points(rows: Sequence[Row]) -> list[tuple[float, float]]:
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
    return 1e6 if name in TOTALS else 1.0


def _label(name: str) -> str:
    from shufflenet_flops.report.view.formula import AXES

    return find_metric(name).axis("M") if name in TOTALS else AXES.get(name, name)
