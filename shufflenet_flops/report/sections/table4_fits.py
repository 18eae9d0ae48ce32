"""Which widths fit the budgets of ShuffleNet V1's Table 4."""

from __future__ import annotations

from typing import Any

from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.view.table4_fits import (
    ReadingResult,
    StructureResult,
    closest,
    table4_grids,
    unexplained,
)


def section(saved: Saved) -> Section:
    """What fits each budget, and the paper's widths under every reading of its figures."""
    either: Any = StructureResult | ReadingResult
    results = saved.typed(either)
    fits = [result for result in results if isinstance(result, StructureResult)]
    readings = [result for result in results if isinstance(result, ReadingResult)]
    if not (fits and readings):
        raise saved.misfit("results: must have fits and readings")
    names = unexplained(readings)
    return Section(
        name="paper-fit-table-4",
        question="Which widths fit the budgets of ShuffleNet V1's Table 4?",
        findings=(
            f"The reading of the published widths that agrees best is {closest(readings)}.",
            *([f"No reading gives {' and '.join(names)}."] if names else []),
        ),
        grids=table4_grids(fits, readings),
        convention="`paper`, in MACs, which the paper calls FLOPs.",
    )
