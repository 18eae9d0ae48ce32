"""Fitted networks, and the paper's Table 4 beside what fits its budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.design.fit import Choice, Fit
from shufflenet_flops.paper.table4_fits import (
    PUBLISHED,
    PUBLISHED_BUDGET,
    StructureFit,
    WidthReading,
)
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRUCTURES: Mapping[str, str] = {
    "vgg": "VGG-like",
    "resnet": "ResNet",
    "xception": "Xception-like",
    "resnext": "ResNeXt",
    "shufflenet": "ShuffleNet",
}


@dataclass(frozen=True)
class WidthResult:
    """What a family comes to at one width."""

    channels: int
    macs: int
    flops: int
    params: int
    activations: int
    memory_bytes: int


@dataclass(frozen=True)
class FitResult:
    """The widest network or unit within `budgets`, and the next wider, which is over.

    `channels` are those of a network's last stage, or of a unit's input; `metric` is the budget
    that the next wider network breaks.
    """

    family: str
    unit: str | None
    options: Mapping[str, int]
    metric: str
    budget: int
    budgets: Mapping[str, int]
    multiple_of: int
    channels: int
    macs: int
    flops: int
    params: int
    activations: int
    memory_bytes: int
    next_wider: WidthResult

    def is_over(self, metric: str) -> bool:
        """Whether the next wider network breaks this budget."""
        return int(getattr(self.next_wider, metric)) > self.budgets[metric]


def fit_result(fit: Fit) -> FitResult:
    """The result of one fit."""
    metric = fit.over[0]
    return FitResult(
        family=fit.design.name,
        unit=fit.design.unit,
        options=dict(fit.numbers),
        metric=metric,
        budget=fit.budgets[metric],
        budgets=dict(fit.budgets),
        multiple_of=fit.step,
        next_wider=WidthResult(**_width(fit.next_wider)),
        **_width(fit.best),
    )


def _width(choice: Choice) -> dict[str, int]:
    return {
        "channels": choice.channels,
        **{
            field.name: choice.metrics[field.name]
            for field in fields(WidthResult)
            if field.name != "channels"
        },
    }


def fit_grid(results: Sequence[FitResult], failures: Sequence[str]) -> Grid:
    """One line per family and options; the widest carries the star."""
    limits = results[0].budgets
    names = list(dict.fromkeys(name for result in results for name in result.options))
    columns = [
        Column("network", figures=False),
        *(Column(name) for name in names),
        Column("channels"),
        *(Column(find_metric(metric).scaled("M")) for metric in limits),
        Column("step"),
        Column("next"),
        *(Column(f"its\n{find_metric(metric).scaled('M')}") for metric in limits),
    ]
    widest = max(result.channels for result in results)
    alike = len({result.unit is None for result in results}) == 1
    several = len(results) > 1
    rows: list[list[Cell | str]] = [
        [
            result.family,
            *(str(result.options.get(name, "–")) for name in names),
            Cell(f"{result.channels:,}", best=alike and several and result.channels == widest),
            *(mega(getattr(result, metric)) for metric in limits),
            str(result.multiple_of),
            f"{result.next_wider.channels:,}",
            *(
                ("> " if result.is_over(metric) else "") + mega(getattr(result.next_wider, metric))
                for metric in limits
            ),
        ]
        for result in results
    ]
    allowed = " and ".join(
        f"{limit / 1e6:,.6g} {find_metric(metric).scaled('M')}" for metric, limit in limits.items()
    )
    notes = [
        "channels of a network's last stage, or of a unit's input; the next valid width, a step "
        "wider, is over the budget at >",
        *failures,
    ]
    return grid(f"widest within {allowed}", columns, rows, notes)


def draw_widths(fits: Sequence[Fit]) -> Figure:
    """The widest channels against g, one line per family."""
    from shufflenet_flops.report.plot.figure import draw_lines

    lines: dict[str, list[tuple[float, float]]] = {}
    for fit in fits:
        if "g" in fit.numbers:
            lines.setdefault(fit.design.name, []).append((fit.numbers["g"], fit.best.channels))
    ((metric, limit),) = fits[0].budgets.items()
    return draw_lines(
        lines,
        title=f"the widest network within {limit / 1e6:,.6g} {find_metric(metric).scaled('M')}",
        x_label="groups g",
        y_label="channels of the last stage",
    )


def table4_result(row: StructureFit) -> dict[str, Any]:
    """The JSON result of one structure at one budget."""
    result: dict[str, Any] = {
        "family": row.structure,
        "options": {"stem": row.stem, **({"g": row.g} if row.g else {})},
        "metric": "macs",
        "budget": row.budget,
        "published_channels": row.published,
        "continuous_channels": row.continuous,
        "channels": None,
        "next_wider": None,
    }
    if row.fit:
        best, wider = row.fit.best, row.fit.next_wider
        result |= {
            "channels": best.channels,
            **best.metrics,
            "next_wider": {"channels": wider.channels, **wider.metrics},
        }
    return result


def reading_result(reading: WidthReading) -> dict[str, Any]:
    """The JSON result of one reading of the published widths."""
    return {
        "reading": _reading(reading),
        "stem": reading.stem,
        "fc": reading.fc,
        "rounding": reading.rounding,
        "published_budget": PUBLISHED_BUDGET,
        "macs": dict(reading.macs),
        "reproduces": {name: reading.reproduces(name) for name in reading.macs},
    }


def table4_grids(rows: Sequence[StructureFit], readings: Sequence[WidthReading]) -> list[Grid]:
    """What fits each budget, and the published widths under every reading."""
    columns = [
        Column("MFLOPs"),
        Column("structure", figures=False),
        Column("conv1"),
        Column("pub-\nlished"),
        Column("contin-\nuous"),
        Column("widest\nvalid"),
        Column("its\nMMAC"),
        Column("next\nvalid"),
        Column("its\nMMAC"),
    ]
    cells = [
        [
            f"{row.budget // 1_000_000}",
            STRUCTURES[row.structure] + (f" g={row.g}" if row.g else ""),
            str(row.stem),
            str(row.published or "–"),
            "none" if row.continuous is None else f"{row.continuous:.1f}",
            *(
                [
                    str(row.fit.best.channels),
                    mega(row.fit.best.metrics["macs"]),
                    str(row.fit.next_wider.channels),
                    mega(row.fit.next_wider.metrics["macs"]),
                ]
                if row.fit
                else ["none", "–", "–", "–"]
            ),
        ]
        for row in rows
    ]
    notes = [
        "stage-4 channels in ShuffleNet's skeleton, convolutions and fc counted; the paper's "
        "MFLOPs are multiply-accumulates",
        "continuous: where the MACs meet the budget if widths need not be whole or split into "
        "groups; conv1 is raised to a multiple of g",
    ]
    fitted = grid("ShuffleNet V1, Table 4: what fits", columns, cells, notes)
    return [fitted, _readings_grid(readings)]


def _readings_grid(readings: Sequence[WidthReading]) -> Grid:
    structures = list(readings[0].macs)
    widths = PUBLISHED
    columns = [
        Column("conv1"),
        Column("counted", figures=False),
        Column("round", figures=False),
        *(Column(f"{STRUCTURES[name]}\n{widths[name]}") for name in structures),
    ]
    rows: list[list[Cell | str]] = []
    for reading in readings:
        cells: list[Cell | str] = []
        for name in structures:
            macs = reading.macs[name]
            text = "–" if macs is None else mega(macs)
            cells.append(Cell(text, best=reading.reproduces(name)))
        counted = "conv, fc" if reading.fc else "conv"
        rows.append([str(reading.stem), counted, reading.rounding, *cells])
    best = max(readings, key=_agreed)
    unexplained = [
        f"{STRUCTURES[name]} {widths[name]}"
        for name in structures
        if not any(reading.reproduces(name) for reading in readings)
    ]
    notes = [
        "MMAC of the published widths; a star where they round to 38",
        "round: what becomes of widths that are not whole or that the cardinality does not divide",
        f"closest: {_reading(best)}: {_agreed(best)} of 5",
    ]
    if unexplained:
        notes.append(f"unexplained: {', '.join(unexplained)}, which no reading here gives")
    return grid("the published widths at 38 MFLOPs", columns, rows, notes)


def _agreed(reading: WidthReading) -> int:
    return sum(map(reading.reproduces, reading.macs))


def _reading(reading: WidthReading) -> str:
    counted = "conv and fc" if reading.fc else "conv alone"
    return f"conv1 {reading.stem}, {counted}, rounded {reading.rounding}"
