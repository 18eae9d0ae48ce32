"""Published tables as data: what a paper prints, where, and how each figure should be computed.

A file in `tables/` describes one table. Its rows and columns are in the paper's order; a cell is a
printed string, or a table with `printed` and more. What a cell does not say, its row says, then its
column, then `[defaults]`. A cell with a quantity and a model (or a claim) is computed, any other is
quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from shufflenet_flops.counting import Kind, find_convention
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.paper.claims import CLAIMS
from shufflenet_flops.paper.reading import QUANTITIES, Reading
from shufflenet_flops.paper.verdict import UNITS, Verdict, parse_figure
from shufflenet_flops.toml_lines import Document, KeyPath

_READING_KEYS = ("quantity", "model", "convention", "input", "at", "kinds")
_CELL_KEYS = (*_READING_KEYS, "unit", "verdict", "note", "alternatives")
_TABLE_KEYS = ("paper", "source", "table", "where", "caption", "row_header")


@dataclass(frozen=True)
class Cell:
    """One figure as printed, its recorded verdict, and the readings that compete for it.

    `reading` is None for a quoted figure. `line` is where the table's file has it.
    """

    row: str
    column: str
    printed: str
    unit: str
    verdict: Verdict
    note: str
    reading: Reading | None
    alternatives: tuple[Reading, ...]
    line: int


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
    cells: tuple[Cell, ...]

    def cell(self, row: str, column: str) -> Cell:
        """The cell at a row and a column. Raises UnknownNameError with the closest names."""
        if row not in self.rows:
            raise UnknownNameError(f"row of {self.name}", row, self.rows)
        cells = {cell.column: cell for cell in self.cells if cell.row == row}
        if column not in cells:
            raise UnknownNameError(f"column of row {row!r} of {self.name}", column, cells)
        return cells[column]


_PAPERS = ("shufflenet_v1", "shufflenet_v2", "resnet", "resnext", "mobilenet_v1", "googlenet")


def table_names() -> list[str]:
    """Names of all published tables, paper by paper, numbered tables first."""
    files = resources.files("shufflenet_flops.paper") / "tables"
    names = [entry.name.removesuffix(".toml") for entry in files.iterdir()]

    def order(name: str) -> tuple[int, bool, str]:
        ranks = [i for i, paper in enumerate(_PAPERS) if name.startswith(f"{paper}_")]
        return (ranks[0] if ranks else len(_PAPERS), "_table_" not in name, name)

    return sorted(names, key=order)


@lru_cache(maxsize=64)
def load_table(name: str) -> PublishedTable:
    """The published table of this name. Raises UnknownNameError or DataError."""
    known = table_names()
    if name not in known:
        raise UnknownNameError("table", name, known, hint="`shufflenet-flops paper` prints all")
    file = resources.files("shufflenet_flops.paper") / "tables" / f"{name}.toml"
    return parse_table(name, file.read_text(encoding="utf-8"))


def parse_table(name: str, text: str) -> PublishedTable:
    """The table that a file's text describes.

    Raises DataError with file, line and key path for the first thing that is wrong.
    """
    document = Document(f"{name}.toml", text)
    data = document.data
    _check_keys(document, (), data, (*_TABLE_KEYS, "notes", "defaults", "columns", "rows"))
    head = {key: _string(document, (key,), data.get(key)) for key in _TABLE_KEYS}
    notes = _strings(document, ("notes",), data.get("notes", []))
    defaults = _mapping(document, ("defaults",), data.get("defaults", {}))
    _check_keys(document, ("defaults",), defaults, _CELL_KEYS)
    columns = _named(document, "columns", data.get("columns"), _CELL_KEYS)
    rows = _named(document, "rows", data.get("rows"), (*_CELL_KEYS, "cells"))
    cells = []
    for i, (row, row_keys) in enumerate(rows.items()):
        path: KeyPath = ("rows", i, "cells")
        row_cells = _mapping(document, path, row_keys.get("cells", {}))
        for column in row_cells:
            if column not in columns:
                raise document.error(
                    (*path, column), str(UnknownNameError("column", column, columns))
                )
        cells += [
            _cell(
                document,
                (*path, column),
                row,
                column,
                row_cells[column],
                (defaults, keys, row_keys),
            )
            for column, keys in columns.items()
            if column in row_cells
        ]
    return PublishedTable(
        name,
        **head,
        notes=notes,
        rows=tuple(rows),
        columns=tuple(columns),
        cells=tuple(cells),
    )


def _cell(
    document: Document,
    path: KeyPath,
    row: str,
    column: str,
    value: Any,
    levels: Sequence[Mapping[str, Any]],
) -> Cell:
    own = {"printed": value} if isinstance(value, str) else _mapping(document, path, value)
    _check_keys(document, path, own, (*_CELL_KEYS, "printed"))
    keys: dict[str, Any] = {}
    for level in (*levels, own):
        keys |= {key: level[key] for key in _CELL_KEYS if key in level}
    printed = _string(document, (*path, "printed"), own.get("printed"))
    unit = _choice(document, (*path, "unit"), keys.get("unit"), UNITS)
    reading = _reading(document, path, keys)
    alternatives: tuple[Reading, ...] = ()
    if reading is None:
        # What a row or column says of its computed cells is not about the quoted ones between.
        verdict, note = Verdict.QUOTED, own.get("note", "")
    else:
        if UNITS[unit].scale is not None and parse_figure(printed, UNITS[unit]) is None:
            raise document.error(
                (*path, "printed"), f"{printed!r} is no figure such as 143M, ~4.1e9 or 94.86%"
            )
        recorded = _choice(document, (*path, "verdict"), keys.get("verdict"), list(Verdict))
        verdict, note = Verdict(recorded), keys.get("note", "")
        alternatives = tuple(
            _alternative(document, (*path, "alternatives", i), keys, entry)
            for i, entry in enumerate(keys.get("alternatives", []))
        )
    if verdict in (Verdict.NEAR, Verdict.UNEXPLAINED) and not note:
        raise document.error(
            (*path, "note"), f"a cell that is {verdict} needs a note that says why"
        )
    note = _string(document, (*path, "note"), note, empty=True)
    return Cell(
        row, column, printed, unit, verdict, note, reading, alternatives, document.line(path)
    )


def _alternative(document: Document, path: KeyPath, keys: Mapping[str, Any], entry: Any) -> Reading:
    entry = _mapping(document, path, entry)
    _check_keys(document, path, entry, (*_READING_KEYS, "reading"))
    label = _string(document, (*path, "reading"), entry.get("reading"))
    reading = _reading(document, path, {**keys, **entry}, label)
    if reading is None:
        raise document.error(path, "an alternative needs a quantity and a model, or a claim")
    return reading


def _reading(
    document: Document, path: KeyPath, keys: Mapping[str, Any], label: str = ""
) -> Reading | None:
    quantity = keys.get("quantity")
    if quantity is None:
        return None
    _choice(document, (*path, "quantity"), quantity, [*QUANTITIES, *CLAIMS])
    model = keys.get("model")
    if quantity in QUANTITIES and model is None:
        return None
    kinds = _strings(document, (*path, "kinds"), keys.get("kinds", []))
    for kind in kinds:
        _choice(document, (*path, "kinds"), kind, [known.value for known in Kind])
    convention = _string(document, (*path, "convention"), keys.get("convention", "paper"))
    try:
        find_convention(convention)
    except UnknownNameError as error:
        raise document.error((*path, "convention"), str(error)) from None
    return Reading(
        quantity=quantity,
        model=None if quantity in CLAIMS else _string(document, (*path, "model"), model),
        convention=convention,
        input=_input(document, (*path, "input"), keys.get("input")),
        at=_string(document, (*path, "at"), keys.get("at", ""), empty=True),
        kinds=kinds,
        label=label,
    )


def _input(document: Document, path: KeyPath, value: Any) -> IntShape | None:
    """`480x640` as `(1, 3, 480, 640)`."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", _string(document, path, value))
    if match is None:
        raise document.error(path, f"{value!r} is no input size such as 480x640")
    return (1, 3, int(match[1]), int(match[2]))


def _named(
    document: Document, key: str, value: Any, allowed: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The `[[rows]]` or `[[columns]]` by their unique names."""
    if not isinstance(value, list) or not value:
        raise document.error((key,), f"missing: a table needs [[{key}]]")
    named: dict[str, Mapping[str, Any]] = {}
    for i, entry in enumerate(value):
        path: KeyPath = (key, i)
        entry = _mapping(document, path, entry)
        _check_keys(document, path, entry, (*allowed, "name"))
        name = _string(document, (*path, "name"), entry.get("name"))
        if name in named:
            raise document.error((*path, "name"), f"{name!r} is there twice")
        named[name] = entry
    return named


def _check_keys(
    document: Document, path: KeyPath, value: Mapping[str, Any], allowed: Sequence[str]
) -> None:
    for key in value:
        if key not in allowed:
            raise document.error((*path, key), str(UnknownNameError("key", key, allowed)))


def _choice(document: Document, path: KeyPath, value: Any, known: Any) -> str:
    name = _string(document, path, value)
    if name not in known:
        raise document.error(path, str(UnknownNameError(str(path[-1]), name, known)))
    return name


def _string(document: Document, path: KeyPath, value: Any, *, empty: bool = False) -> str:
    if value is None:
        raise document.error(path, "missing")
    if not isinstance(value, str):
        raise document.error(path, f"{value!r} must be a string")
    if not value and not empty:
        raise document.error(path, "must not be empty")
    return value


def _strings(document: Document, path: KeyPath, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise document.error(path, f"{value!r} must be a list of strings")
    return tuple(_string(document, (*path, i), entry) for i, entry in enumerate(value))


def _mapping(document: Document, path: KeyPath, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise document.error(path, f"{value!r} must be a table")
    return value
