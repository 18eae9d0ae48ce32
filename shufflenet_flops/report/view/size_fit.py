"""The largest inputs within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.size_fit import SizedCount, SizeFit
from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.saved import Count


@dataclass(frozen=True)
class SizedCountResult:
    """What a model comes to at sizes: those of its budgets' metrics."""

    sizes: Mapping[str, Count]
    metrics: Mapping[str, Count]


@dataclass(frozen=True)
class SizeFitResult:
    """The largest sizes of a model within `budgets`, and the next larger ones, which are over."""

    model: str
    budgets: Mapping[str, Count]
    domain: tuple[str, ...]
    best: SizedCountResult
    next_larger: SizedCountResult


def size_fit_result(fit: SizeFit, formulas: Sequence[ModelFormula]) -> SizeFitResult:
    """The result of one fit, with the rules of the cases that hold at the largest sizes."""
    cases = [one.case(fit.best.sizes) for one in formulas]
    return SizeFitResult(
        model=fit.model,
        budgets=fit.budgets,
        domain=tuple(dict.fromkeys(rule for one in cases for rule in one.domain.texts)),
        best=_result(fit.best),
        next_larger=_result(fit.next_larger),
    )


def _result(count: SizedCount) -> SizedCountResult:
    return SizedCountResult(count.sizes, count.metrics)


def size_fit_grid(results: Sequence[SizeFitResult]) -> Grid:
    """One line per model; the largest sizes carry the star."""
    limits = results[0].budgets
    headings = [f"it has\n{find_metric(metric).scaled('M')}" for metric in limits]
    columns = [
        Column("model", figures=False),
        Column("largest"),
        *map(Column, headings),
        Column("next larger"),
        *map(Column, headings),
    ]
    rows: list[list[Cell | str]] = []
    for result in results:
        row: list[Cell | str] = [result.model]
        for count, best in ((result.best, True), (result.next_larger, False)):
            row.append(Cell(_sizes(count.sizes), best=best))
            row += [f"{count.metrics[metric] / 1e6:,.3f}" for metric in limits]
        rows.append(row)
    budget = ", ".join(f"{metric} ≤ {limit:,}" for metric, limit in limits.items())
    notes = [f"{result.model}: for {'; '.join(result.domain)}" for result in results]
    return grid(f"largest inputs with {budget}", columns, rows, notes)


def _sizes(sizes: Mapping[str, int]) -> str:
    return " ".join(f"{name}={size:,}" for name, size in sizes.items())
