"""Published tables as grids, laid out as in the papers, with every figure's computed twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal, TypeAlias

from shufflenet_flops.errors import printable
from shufflenet_flops.paper import CellResult, CellVerdict, PublishedTable, load_table
from shufflenet_flops.paper.errata import errata
from shufflenet_flops.paper.verdict import RULE, UNITS
from shufflenet_flops.report.grid import Cell, Column, Grid, grid

Reproduced: TypeAlias = tuple[PublishedTable, Sequence[CellResult]]

WIDTH = 100  # of a terminal in which every table should fit

_SIGNS = {CellVerdict.EXACT: "=", CellVerdict.NEAR: "≈", CellVerdict.UNEXPLAINED: "≠"}
LEGEND = "printed = computed (↓ truncated, else rounded); ≈ near; ≠ unexplained; no sign: quoted"


def by_table(cells: Iterable[CellResult]) -> list[Reproduced]:
    """Cells in the order of their tables, each table's with the table."""
    return [
        (load_table(name), list(of_table))
        for name, of_table in groupby(cells, lambda cell: cell.table)
    ]


def table_grids(tables: Sequence[Reproduced], *, alternatives: bool) -> list[Grid]:
    """One grid per table, each followed by its other readings if these are wanted."""
    grids = []
    for table, cells in tables:
        grids.append(table_grid(table, cells))
        if alternatives and any(cell.alternatives for cell in cells):
            grids.append(alternatives_grid(table, cells))
    return grids


def table_grid(table: PublishedTable, cells: Sequence[CellResult]) -> Grid:
    """A published table: its rows and columns that `cells` fill, in the paper's order."""
    by_place = {(cell.row, cell.column): cell for cell in cells}
    rows = [row for row in table.rows if any(cell.row == row for cell in cells)]
    columns = [column for column in table.columns if any(cell.column == column for cell in cells)]
    units = {
        column: _only(cell.printed_unit for cell in cells if cell.column == column)
        for column in columns
    }
    headings = [
        Column(table.row_header, figures=False),
        *(
            Column(f"{column}\n{unit}" if unit else column, figures=not _is_text(cells, column))
            for column, unit in units.items()
        ),
    ]
    lines = []
    for row in rows:
        unit = _only(cell.printed_unit for cell in cells if cell.row == row)
        counted = UNITS[unit].base in ("MAC", "params") if unit else False
        name = f"{row} ({unit})" if counted and unit not in units.values() else row
        places = ((row, column) for column in columns)
        texts = (cell_text(by_place[place]) if place in by_place else "" for place in places)
        lines.append([name, *map(printable, texts)])
    if _width(headings, lines) > WIDTH:
        lines = [[_stacked(text) for text in line] for line in lines]
        headings = [
            replace(heading, heading=_wrapped(heading.heading, _longest(texts)))
            for heading, texts in zip(headings, zip(*lines, strict=True), strict=True)
        ]
    title = f"{table.name}: {table.paper}, {table.table} ({table.where}; {table.source})"
    notes = [table.caption, summary(cells), *table.notes, *_reasons(cells)]
    stacked = [
        [
            Cell(name, stacked=True),
            *(
                Cell(text, stacked=True, tone=_tone(by_place.get((row, column))))
                for column, text in zip(columns, texts, strict=True)
            ),
        ]
        for row, (name, *texts) in zip(rows, lines, strict=True)
    ]
    return grid(title, headings, stacked, notes)


def _tone(cell: CellResult | None) -> Literal["", "good", "bad"]:
    """That of a figure which comes out or does not; a near one has its reason, and has none."""
    if cell is None:
        return ""
    return _TONES.get(cell.verdict, "")


_TONES: Mapping[CellVerdict, Literal["good", "bad"]] = {
    CellVerdict.EXACT: "good",
    CellVerdict.UNEXPLAINED: "bad",
}


def cell_text(cell: CellResult) -> str:
    """`143M = 142.50`: printed, verdict, computed; only what is printed where it is quoted."""
    if cell.verdict is CellVerdict.QUOTED:
        return cell.printed
    sign = _SIGNS[cell.verdict]
    if cell.shown == cell.printed:
        return f"{cell.printed} {sign}"
    cut = "↓" if cell.match == "truncated" else ""
    return f"{cell.printed} {sign} {cell.shown}{cut}"


def summary(cells: Sequence[CellResult]) -> str:
    """`8 exact, 1 near, 16 quoted; paper: 8 of 9 exact`."""
    conventions: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.convention:
            conventions.setdefault(cell.convention, []).append(cell)
    parts = [counts_text(cells)]
    for convention, counted in conventions.items():
        exact = sum(cell.verdict is CellVerdict.EXACT for cell in counted)
        parts.append(f"{convention}: {exact} of {len(counted)} exact")
    return "; ".join(parts)


def counts_text(cells: Iterable[CellResult]) -> str:
    """`8 exact, 1 near, 16 quoted`."""
    counts = Counter(cell.verdict for cell in cells)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in CellVerdict if counts[verdict])


def alternatives_grid(table: PublishedTable, cells: Sequence[CellResult]) -> Grid:
    """The readings that compete with those of the cells, and how many figures each gives."""
    columns = [
        Column("row", figures=False),
        Column("column", figures=False),
        Column("printed"),
        Column("computed"),
        Column("other reading", figures=False),
        Column("convention", figures=False),
        Column("gives"),
        Column("difference"),
    ]
    several = len({cell.column for cell in cells if cell.alternatives}) > 1
    rows = [
        [
            cell.row,
            cell.column,
            cell.printed,
            cell.shown,
            other.reading,
            other.convention or "–",
            other.shown,
            other.match or percent_text(other.difference),
        ]
        for cell in cells
        for other in cell.alternatives
    ]
    if not several:
        columns = [*columns[:1], *columns[2:]]
        rows = [[*row[:1], *row[2:]] for row in rows]
    return grid(f"{table.name}: other readings", columns, rows, _alternative_summaries(cells))


def _alternative_summaries(cells: Sequence[CellResult]) -> list[str]:
    """How many figures each reading gives that more than one cell has."""
    matches: dict[str, Counter[str]] = {}
    for cell in cells:
        for other in cell.alternatives:
            name = f"{other.reading} ({other.convention})" if other.convention else other.reading
            matches.setdefault(name, Counter())[other.match or "not"] += 1
    return [
        f"{name}: {counts['rounded']} of {counts.total()} exact when rounded"
        + (f", {counts['truncated']} more when truncated" if counts["truncated"] else "")
        for name, counts in matches.items()
        if counts.total() > 1
    ]


def percent_text(difference: float | None) -> str:
    """`+1.8 %`; a dash where there is no number to differ from."""
    return "–" if difference is None else f"{100 * difference:+.2f} %"


def overview_grid(tables: Sequence[Reproduced]) -> Grid:
    """Cells by verdict, over all tables and by table, and the rule of the verdicts."""
    columns = [
        Column("table", figures=False, path=True),
        Column("where", figures=False),
        *(Column(verdict.value) for verdict in CellVerdict),
    ]
    rows = []
    for table, cells in tables:
        counts = Counter(cell.verdict for cell in cells)
        place = f"{table.paper}, {table.table}"
        rows.append((table.name, place, *(str(counts[verdict] or "–") for verdict in CellVerdict)))
    everything = [cell for _, cells in tables for cell in cells]
    notes = [f"{verdict}: {rule}" for verdict, rule in RULE.items()]
    title = f"{len(everything)} published figures: {counts_text(everything)}"
    return grid(title, columns, rows, [*notes, LEGEND])


def errata_grid() -> Grid:
    """Slips of the papers that the figures support."""
    return grid(
        "errata that the figures support",
        [],
        [],
        [f"{erratum.where} {erratum.finding}" for erratum in errata()],
    )


def _reasons(cells: Sequence[CellResult]) -> list[str]:
    """Each note once, with the cells that it is about; differing cells with their difference."""
    about: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.note:
            about.setdefault(cell.note, []).append(cell)
    return [f"{_places(noted)}: {note}" for note, noted in about.items()]


def _places(cells: Sequence[CellResult]) -> str:
    places: Mapping[str, None] = dict.fromkeys(cell.row for cell in cells)
    if len(cells) == 1 and cells[0].difference is not None and not cells[0].match:
        (cell,) = cells
        return f"{cell.row}, {cell.column} {_SIGNS[cell.verdict]} {percent_text(cell.difference)}"
    return "; ".join(places)


def _only(units: Iterable[str]) -> str:
    """The unit that all have in common, unless their figures carry it."""
    distinct = set(units)
    return distinct.pop() if len(distinct) == 1 and not distinct & {"text", "%", "x"} else ""


def _is_text(cells: Sequence[CellResult], column: str) -> bool:
    return all(cell.printed_unit == "text" for cell in cells if cell.column == column)


def _width(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    widths = [
        _longest((column.heading, *texts))
        for column, texts in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return sum(widths) + 2 * len(widths)


def _longest(texts: Iterable[str]) -> int:
    """The length of the longest line."""
    return max(len(line) for text in texts for line in text.split("\n"))


def _wrapped(heading: str, width: int) -> str:
    """The heading, word by word on its own line where it is wider than its column."""
    return heading.replace(" ", "\n") if _longest([heading]) > width else heading


def _stacked(text: str) -> str:
    """A wide cell on several lines: the computed figure below, a unit's convolutions one by one."""
    for mark, broken in (
        (" = ", "\n= "),
        (" ≈ ", "\n≈ "),
        (" ≠ ", "\n≠ "),
        ("; ", "\n"),
        ("] ", "]\n"),
        (" (", "\n("),
    ):
        text = text.replace(mark, broken)
    return text
