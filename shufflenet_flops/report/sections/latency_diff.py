"""What changed between two saved runs of `latency`."""

from __future__ import annotations

from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.latency.saved import RunChange
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.view.latency import change_grid


def section(saved: Saved) -> Section:
    """Each row that both runs measured, the new median over the old."""
    changes = saved.typed(RunChange)
    slower = sum(change.clear and change.ratio > 1 for change in changes)
    faster = sum(change.clear and change.ratio < 1 for change in changes)
    return Section(
        name="latency-diff",
        question="Which models became slower or faster?",
        findings=(
            f"Of {len(changes)} rows, {slower} became slower and {faster} faster; of the others, "
            "the interval of the ratio holds 1.",
        ),
        grids=(change_grid(changes, saved.notes),),
    )
