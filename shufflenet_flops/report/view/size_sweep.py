"""A model at many sizes: the first and the last of them as a table, and all as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shufflenet_flops.closed_form.size_sweep import SizeSweep
from shufflenet_flops.counting.metric import METRICS, MetricName
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.saved import Count

MOST_ROWS = 40  # in the table


@dataclass(frozen=True)
class SizeSweepResult:
    """A model at `configurations` sizes less those `left_out`, for which its formula is not.

    `missing` tells why a metric has no column.
    """

    model: str
    domain: tuple[str, ...]
    configurations: Count
    left_out: Count
    missing: Mapping[MetricName, str]
    rows: tuple[Mapping[str, Count], ...]


def size_sweep_result(
    model: str, domain: tuple[str, ...], sweep: SizeSweep, missing: Mapping[MetricName, str]
) -> SizeSweepResult:
    """The result of one sweep."""
    names = list(sweep.columns)
    rows = tuple(
        dict(zip(names, row, strict=True)) for row in zip(*sweep.columns.values(), strict=True)
    )
    return SizeSweepResult(model, domain, sweep.configurations, sweep.left_out, missing, rows)


def size_sweep_grid(result: SizeSweepResult) -> Grid:
    """Its rows, those in the middle left out where there are many."""
    headings: dict[str, str] = {metric.name: metric.heading for metric in METRICS}
    columns = [Column(headings.get(name, name)) for name in result.rows[0]]
    rows: list[list[Cell | str]] = [[f"{size:,}" for size in row.values()] for row in result.rows]
    hidden = len(rows) - MOST_ROWS
    if hidden > 0:
        half = MOST_ROWS // 2
        rows = [*rows[:half], ["…"] * len(columns), *rows[-half:]]
    kept = result.configurations - result.left_out
    notes = [f"{kept:,} of {result.configurations:,} sizes, for {'; '.join(result.domain)}"]
    if hidden > 0:
        notes.append(f"{hidden:,} are not shown: -o FILE.csv has all")
    notes += [f"no {metric}: {why}" for metric, why in result.missing.items()]
    return grid(f"{result.model} at {kept:,} sizes", columns, rows, notes)
