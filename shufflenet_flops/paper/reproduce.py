"""Every cell of a published table, computed and judged."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shufflenet_flops.errors import DataError, ShufflenetFlopsError
from shufflenet_flops.paper.printed import PrintedCell, PublishedTable
from shufflenet_flops.paper.published import load_table
from shufflenet_flops.paper.reading import Reading, compute, convention_of
from shufflenet_flops.paper.verdict import (
    UNITS,
    CellVerdict,
    DigitMatch,
    Judgement,
    Value,
    as_printed,
    judge,
    parse_figure,
)
from shufflenet_flops.running.no_gc import no_gc


@dataclass(frozen=True)
class AlternativeResult:
    """Another reading of a printed figure and what it gives, in base units and as printed.

    `match` is empty where that is not the printed figure; `difference` is relative to it.
    """

    reading: str
    model: str | None
    convention: str | None
    computed: int | float | str
    shown: str
    match: DigitMatch
    difference: float | None


@dataclass(frozen=True)
class CellResult:
    """A printed figure beside the computed one.

    `computed` is in `unit`, a base unit: an exact int, a float for shares and ratios, a string for
    structure, None where the figure is quoted; `shown` is the same on the scale of `printed`, whose
    unit is `printed_unit`. `difference` is relative to the printed figure; `match` tells whether an
    exact figure is rounded or truncated; `recorded` is the verdict that the table's file has.
    """

    table: str
    row: str
    column: str
    printed: str
    unit: str
    computed: int | float | str | None
    convention: str | None
    verdict: CellVerdict
    note: str
    shown: str
    printed_unit: str
    match: DigitMatch
    difference: float | None
    recorded: CellVerdict
    model: str | None
    alternatives: tuple[AlternativeResult, ...]

    @property
    def as_recorded(self) -> bool:
        """Whether the verdict is the one that the table's file has."""
        return self.verdict == self.recorded


@no_gc(kept=True)  # a zoo of networks is built
def reproduce(table: PublishedTable) -> tuple[CellResult, ...]:
    """The result of every cell, row by row.

    Raises DataError with the cell's line where its model cannot be built or run.
    """
    return tuple(_cell_result(table, cell) for cell in table.cells)


def _cell_result(table: PublishedTable, cell: PrintedCell) -> CellResult:
    reading = cell.reading
    value = None if reading is None else _compute(table, cell, reading)
    judgement = Judgement(CellVerdict.QUOTED) if value is None else _judge(cell, value)
    return CellResult(
        table=table.name,
        row=cell.row,
        column=cell.column,
        printed=cell.printed,
        unit=UNITS[cell.unit].base,
        computed=None if value is None else _plain(value),
        convention=None if reading is None else convention_of(reading),
        verdict=judgement.verdict,
        note=cell.note,
        shown="" if value is None else as_printed(cell.printed, UNITS[cell.unit], value),
        printed_unit=cell.unit,
        match=judgement.match,
        difference=judgement.difference,
        recorded=cell.verdict,
        model=None if reading is None else reading.model,
        alternatives=tuple(_alternative(table, cell, other) for other in cell.alternatives),
    )


def _alternative(table: PublishedTable, cell: PrintedCell, reading: Reading) -> AlternativeResult:
    value = _compute(table, cell, reading)
    judgement = _judge(cell, value)
    return AlternativeResult(
        reading=reading.label,
        model=reading.model,
        convention=convention_of(reading),
        computed=_plain(value),
        shown=as_printed(cell.printed, UNITS[cell.unit], value),
        match=judgement.match,
        difference=judgement.difference,
    )


def _compute(table: PublishedTable, cell: PrintedCell, reading: Reading) -> Value:
    try:
        return compute(reading, quoted_figure)
    except ShufflenetFlopsError as error:
        where = f"{table.name}.toml:{cell.line}: {cell.row}, {cell.column}"
        raise DataError(f"{where}: {error}") from None


def _judge(cell: PrintedCell, value: Value) -> Judgement:
    return judge(cell.printed, UNITS[cell.unit], value)


def quoted_figure(table: str, row: str, column: str) -> Fraction:
    """A printed figure, in base units, for the claims that are about other tables' figures."""
    cell = load_table(table).cell(row, column)
    figure = parse_figure(cell.printed, UNITS[cell.unit])
    if figure is None:
        raise DataError(f"{table}.toml:{cell.line}: {cell.printed!r} is no figure")
    return figure.value


def _plain(value: Value) -> int | float | str:
    if isinstance(value, str):
        return value
    return int(value) if value == int(value) else float(value)
