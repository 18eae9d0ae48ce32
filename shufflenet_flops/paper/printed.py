"""A table of a paper as it is printed: its figures, with the readings that compete for each."""

from __future__ import annotations

from dataclasses import dataclass, field

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.files.toml_lines import KeyPath, TomlFile
from shufflenet_flops.paper.reading import Reading
from shufflenet_flops.paper.verdict import CellVerdict


@dataclass(frozen=True)
class PrintedCell:
    """One figure as printed, its recorded verdict, and the readings that compete for it.

    `reading` is None for a quoted figure. `path` is where the table's file has it.
    """

    row: str
    column: str
    printed: str
    unit: str
    verdict: CellVerdict
    note: str
    reading: Reading | None
    alternatives: tuple[Reading, ...]
    file: TomlFile = field(repr=False, compare=False)
    path: KeyPath

    @property
    def line(self) -> int:
        """The line of the figure in the table's file, found when it is asked for."""
        return self.file.line(self.path)


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper: `name` is its file's, rows and columns are in the paper's order."""

    name: str
    paper: str
    source: str
    table: str
    where: str
    caption: str
    notes: tuple[str, ...]
    row_header: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[PrintedCell, ...]

    def cell(self, row: str, column: str) -> PrintedCell:
        """The cell at a row and a column. Raises UnknownNameError with the closest names."""
        if row not in self.rows:
            raise UnknownNameError(f"row of {self.name}", row, self.rows)
        cells = {cell.column: cell for cell in self.cells if cell.row == row}
        if column not in cells:
            raise UnknownNameError(f"column of row {row!r} of {self.name}", column, cells)
        return cells[column]
