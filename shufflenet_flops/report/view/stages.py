"""Two networks side by side, stage by stage."""

from __future__ import annotations

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, scale_for
from shufflenet_flops.report.view.lines import ROOT, or_dash


def stages_grid(first: Comparison, second: Comparison) -> Grid:
    """MACs of every stage that either has, with bars on one scale, and what the second has more."""
    stages = list(dict.fromkeys([*first.stages, *second.stages]))
    pairs = [(first.stages.get(name, 0), second.stages.get(name, 0)) for name in stages]
    scale = scale_for(macs for pair in pairs for macs in pair)
    most = max((macs for pair in pairs for macs in pair), default=0) or 1
    totals = (sum(macs for macs, _ in pairs), sum(macs for _, macs in pairs))
    rows: list[list[Cell | str]] = []
    for name, (one, other) in zip([*stages, "total"], [*pairs, totals], strict=True):
        bars = (0.0, 0.0) if name == "total" else (one / most, other / most)
        difference = other - one
        sign = "+" if difference > 0 else "−" if difference else ""
        rows.append(
            [
                name or ROOT,
                Cell(or_dash(one, scale), value=one),
                Cell("", share=bars[0]),
                Cell(or_dash(other, scale), value=other),
                Cell("", share=bars[1]),
                Cell(f"{sign}{or_dash(abs(difference), scale)}", value=difference),
            ]
        )
    unit = f"{scale.prefix}MAC"
    columns = [
        Column("stage", figures=False, path=True),
        Column(f"{first.name}\n{unit}"),
        Column("", figures=False, bars=True),
        Column(f"{second.name}\n{unit}"),
        Column("", figures=False, bars=True),
        Column(f"difference\n{unit}"),
    ]
    return grid(f"{second.name} less {first.name}, by stage", columns, rows)
