"""The history of costs as a table: one line for each step, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.budget.history import Step
from shufflenet_flops.counting.amount import difference, figure
from shufflenet_flops.report.grid import Cell, Column, Grid, grid

_LONGEST = 60  # signs of a commit's message in a table


def history_grid(steps: Sequence[Step], notes: Sequence[str] = ()) -> Grid:
    """What changed, when, by whom, with what message, and which layer was behind it."""
    columns = [
        Column("model", figures=False, path=True),
        Column("metric", figures=False),
        Column("now"),
        Column("change"),
        Column("date", figures=False),
        Column("commit", figures=False),
        Column("author", figures=False),
        Column("message", figures=False),
        Column("by", figures=False),
    ]
    return grid("what models cost, step by step", columns, list(map(_row, reversed(steps))), notes)


def _row(step: Step) -> list[str | Cell]:
    message = step.message if len(step.message) <= _LONGEST else f"{step.message[:_LONGEST]}…"
    now = "–" if step.after is None else figure(step.metric, step.after)
    change = Cell("")
    if step.before is not None and step.after is not None:
        text = difference(step.metric, step.after, step.before)
        change = Cell(text, tone="bad" if step.after > step.before else "good")
    return [
        step.model,
        step.metric,
        now,
        change,
        step.date[:10],
        step.commit[:9],
        step.author,
        message,
        f"{step.layer} {step.change}".strip(),
    ]
