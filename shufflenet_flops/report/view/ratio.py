"""Closed forms divided by one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shufflenet_flops.counting.metric import MetricName, find_metric
from shufflenet_flops.design.formula import FormulaRatio
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.report.view.formula import (
    EQUAL,
    in_paper,
    legend,
    variables_of,
)


@dataclass(frozen=True)
class RatioResult:
    """The closed form of a unit divided by that of the unit `over`; its value where it has one."""

    unit: str
    over: str
    metric: MetricName
    expression: str
    latex: str
    variables: tuple[str, ...]
    paper: str | None
    source: str | None
    matches_paper: bool | None
    value: float | None


def ratio_result(ratio: FormulaRatio) -> RatioResult:
    """The result of `formula --over` for one unit."""
    import sympy

    return RatioResult(
        unit=str(ratio.over.unit),
        over=str(ratio.under.unit),
        metric=ratio.metric,
        expression=str(ratio.expression),
        latex=sympy.latex(ratio.expression),
        variables=variables_of(ratio.expression),
        paper=ratio.paper.text if ratio.paper else None,
        source=ratio.paper.source if ratio.paper else None,
        matches_paper=ratio.matches_paper,
        value=None if ratio.value is None else float(ratio.value),
    )


def ratio_grid(results: Sequence[RatioResult]) -> Grid:
    """One line per ratio, with its value where numbers are given."""
    with_value = any(result.value is not None for result in results)
    columns = [
        Column("ratio", figures=False),
        Column(f"of {find_metric(results[0].metric).meaning}", figures=False),
        *([Column("value")] if with_value else []),
        Column("in the paper", figures=False),
        Column("equal", figures=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            f"{result.unit} / {result.over}",
            Cell(result.expression, latex=result.latex),
            *([] if result.value is None else [f"{result.value:.4f}"]),
            in_paper(result.paper, result.source),
            EQUAL[result.matches_paper],
        ]
        for result in results
    ]
    free = (name for result in results for name in result.variables)
    return grid("ratios of closed forms", columns, rows, legend(free, networks=False))
