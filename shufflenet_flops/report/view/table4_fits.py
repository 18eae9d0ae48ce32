"""ShuffleNet V1, Table 4: what fits its budgets, and its widths under every reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shufflenet_flops.counting.metric import MACS
from shufflenet_flops.paper.table4_fits import (
    PUBLISHED,
    PUBLISHED_BUDGET,
    StructureFit,
    WidthReading,
    WidthRounding,
)
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega
from shufflenet_flops.report.view.fit import WidthResult, width_result
from shufflenet_flops.saved import given_with

STRUCTURES: Mapping[str, str] = {
    "vgg": "VGG-like",
    "resnet": "ResNet",
    "xception": "Xception-like",
    "resnext": "ResNeXt",
    "shufflenet": "ShuffleNet",
}


@dataclass(frozen=True)
class StructureResult:
    """One structure at one budget, fc counted; without channels where none fits.

    `continuous_channels` is the width at which the MACs meet the budget if widths need not be
    whole.
    """

    family: str
    options: Mapping[str, int]
    metric: str
    budget: int
    published_channels: int | None
    continuous_channels: float | None
    channels: int | None
    next_wider: WidthResult | None
    macs: int | None = field(default=None, metadata=given_with("channels"))
    flops: int | None = field(default=None, metadata=given_with("channels"))
    params: int | None = field(default=None, metadata=given_with("channels"))
    activations: int | None = field(default=None, metadata=given_with("channels"))
    memory_bytes: int | None = field(default=None, metadata=given_with("channels"))


@dataclass(frozen=True)
class ReadingResult:
    """The MACs of the published widths under one reading, None where there is no such network.

    `reproduces` tells by structure whether they round to the paper's 38 million.
    """

    reading: str
    stem: int
    fc: bool
    rounding: WidthRounding
    published_budget: int
    macs: Mapping[str, int | None]
    reproduces: Mapping[str, bool]


def structure_result(row: StructureFit) -> StructureResult:
    """The result of one structure at one budget."""
    return StructureResult(
        family=row.structure,
        options={"stem": row.stem, **({"g": row.g} if row.g else {})},
        metric=MACS.name,
        budget=row.budget,
        published_channels=row.published,
        continuous_channels=row.continuous,
        next_wider=width_result(row.fit.next_wider) if row.fit else None,
        channels=row.fit.best.channels if row.fit else None,
        **(row.fit.best.metrics if row.fit else {}),
    )


def reading_result(reading: WidthReading) -> ReadingResult:
    """The result of one reading of the published widths."""
    counted = "conv and fc" if reading.fc else "conv alone"
    return ReadingResult(
        reading=f"conv1 {reading.stem}, {counted}, rounded {reading.rounding}",
        stem=reading.stem,
        fc=reading.fc,
        rounding=reading.rounding,
        published_budget=PUBLISHED_BUDGET,
        macs=dict(reading.macs),
        reproduces={name: reading.reproduces(name) for name in reading.macs},
    )


def table4_grids(
    fits: Sequence[StructureResult], readings: Sequence[ReadingResult]
) -> tuple[Grid, Grid]:
    """What fits each budget, and the published widths under every reading."""
    columns = [
        Column("MFLOPs"),
        Column("structure", figures=False),
        Column("conv1"),
        Column("pub-\nlished"),
        Column("contin-\nuous"),
        Column("widest\nvalid"),
        Column(f"its\n{MACS.scaled('M')}"),
        Column("next\nvalid"),
        Column(f"its\n{MACS.scaled('M')}"),
    ]
    cells = [
        [
            f"{fit.budget // 1_000_000}",
            STRUCTURES.get(fit.family, fit.family)
            + (f" g={fit.options['g']}" if "g" in fit.options else ""),
            str(fit.options.get("stem", "–")),
            str(fit.published_channels or "–"),
            "none" if fit.continuous_channels is None else f"{fit.continuous_channels:.1f}",
            "none" if fit.channels is None else str(fit.channels),
            "–" if fit.macs is None else mega(fit.macs),
            *(
                [str(fit.next_wider.channels), mega(fit.next_wider.macs)]
                if fit.next_wider
                else ["–", "–"]
            ),
        ]
        for fit in fits
    ]
    notes = [
        "stage-4 channels in ShuffleNet's skeleton, convolutions and fc counted; the paper's "
        "MFLOPs are multiply-accumulates",
        "continuous: where the MACs meet the budget if widths need not be whole or split into "
        "groups; conv1 is raised to a multiple of g",
    ]
    fitted = grid("ShuffleNet V1, Table 4: what fits", columns, cells, notes)
    return fitted, _readings_grid(readings)


def _readings_grid(readings: Sequence[ReadingResult]) -> Grid:
    columns = [
        Column("conv1"),
        Column("counted", figures=False),
        Column("round", figures=False),
        *(Column(f"{text}\n{PUBLISHED[name]}") for name, text in STRUCTURES.items()),
    ]
    rows: list[list[Cell | str]] = []
    for reading in readings:
        cells: list[Cell | str] = []
        for name in STRUCTURES:
            macs = reading.macs.get(name)
            text = "–" if macs is None else mega(macs)
            cells.append(Cell(text, best=reading.reproduces.get(name, False)))
        counted = "conv, fc" if reading.fc else "conv"
        rows.append([str(reading.stem), counted, reading.rounding, *cells])
    notes = [
        f"{MACS.scaled('M')} of the published widths; a star where they round to 38",
        "round: what becomes of widths that are not whole or that the cardinality does not divide",
        f"closest: {closest(readings)}",
    ]
    if names := unexplained(readings):
        notes.append(f"unexplained: {', '.join(names)}, which no reading here gives")
    return grid("the published widths at 38 MFLOPs", columns, rows, notes)


def closest(readings: Sequence[ReadingResult]) -> str:
    """The reading that gives the most of the published figures, and how many."""
    agreed = {reading.reading: sum(reading.reproduces.values()) for reading in readings}
    best = max(agreed, key=agreed.__getitem__)
    return f"{best}: {agreed[best]} of {len(STRUCTURES)}"


def unexplained(readings: Sequence[ReadingResult]) -> list[str]:
    """The structures, with their published widths, whose figure no reading gives."""
    return [
        f"{text} {PUBLISHED[name]}"
        for name, text in STRUCTURES.items()
        if not any(reading.reproduces.get(name) for reading in readings)
    ]
