"""Published tables as data: what a paper prints, where, and how each figure should be computed.

A file in `tables/` describes one table. Its rows and columns are in the paper's order; a cell is a
printed string, or a table with `printed` and more. What a cell does not say, its row says, then its
column, then `[defaults]`. A cell with a quantity and a model (or a claim) is computed, any other is
quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from shufflenet_flops.counting import Kind, find_convention
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.files.toml_lines import KeyPath, TomlFile
from shufflenet_flops.paper.claims import CLAIMS
from shufflenet_flops.paper.printed import PrintedCell, PublishedTable
from shufflenet_flops.paper.reading import QUANTITIES, Reading
from shufflenet_flops.paper.verdict import UNITS, CellVerdict, parse_figure

_READING_KEYS = ("quantity", "model", "convention", "input", "at", "without", "kinds")
_CELL_KEYS = (*_READING_KEYS, "unit", "verdict", "note", "alternatives")
_TABLE_KEYS = ("paper", "source", "table", "where", "caption", "row_header")


_PAPERS = (
    *("shufflenet_v1", "shufflenet_v2", "resnet", "resnext", "mobilenet_v1", "googlenet"),
    *("vgg", "squeezenet", "senet", "mobilenet_v2", "mobilenet_v3", "mnasnet", "efficientnet"),
    *("mcunet_v2", "mcunet", "ghostnet", "vit", "deit", "swin", "convnext"),
)


def table_names() -> list[str]:
    """Names of all published tables, paper by paper, numbered tables first."""
    return list(_table_names())


@cache
def _table_names() -> tuple[str, ...]:
    files = resources.files("shufflenet_flops.paper") / "tables"
    names = [entry.name.removesuffix(".toml") for entry in files.iterdir()]

    def order(name: str) -> tuple[int, bool, str]:
        ranks = [i for i, paper in enumerate(_PAPERS) if name.startswith(f"{paper}_")]
        return (ranks[0] if ranks else len(_PAPERS), "_table_" not in name, name)

    return tuple(sorted(names, key=order))


@lru_cache(maxsize=256)
def load_table(name: str) -> PublishedTable:
    """The published table of this name. Raises UnknownNameError or DataError."""
    known = table_names()
    if name not in known:
        raise UnknownNameError("table", name, known, hint="`shufflenet-flops paper` lists them")
    file = resources.files("shufflenet_flops.paper") / "tables" / f"{name}.toml"
    return parse_table(name, file.read_text(encoding="utf-8"))


def parse_table(name: str, text: str) -> PublishedTable:
    """The table that a file's text describes.

    Raises DataError with file, line and key path for the first thing that is wrong.
    """
    toml_file = TomlFile(f"{name}.toml", text)
    data = toml_file.data
    _check_keys(toml_file, (), data, (*_TABLE_KEYS, "notes", "defaults", "columns", "rows"))
    head = {key: _string(toml_file, (key,), data.get(key)) for key in _TABLE_KEYS}
    notes = _strings(toml_file, ("notes",), data.get("notes", []))
    defaults = _mapping(toml_file, ("defaults",), data.get("defaults", {}))
    _check_keys(toml_file, ("defaults",), defaults, _CELL_KEYS)
    columns = _named(toml_file, "columns", data.get("columns"), _CELL_KEYS)
    rows = _named(toml_file, "rows", data.get("rows"), (*_CELL_KEYS, "cells"))
    cells = []
    for i, (row, row_keys) in enumerate(rows.items()):
        path: KeyPath = ("rows", i, "cells")
        row_cells = _mapping(toml_file, path, row_keys.get("cells", {}))
        for column in row_cells:
            if column not in columns:
                raise toml_file.error(
                    (*path, column), str(UnknownNameError("column", column, columns))
                )
        cells += [
            _cell(
                toml_file,
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
    toml_file: TomlFile,
    path: KeyPath,
    row: str,
    column: str,
    value: Any,
    levels: Sequence[Mapping[str, Any]],
) -> PrintedCell:
    own = {"printed": value} if isinstance(value, str) else _mapping(toml_file, path, value)
    _check_keys(toml_file, path, own, (*_CELL_KEYS, "printed"))
    keys: dict[str, Any] = {}
    for level in (*levels, own):
        keys |= {key: level[key] for key in _CELL_KEYS if key in level}
    printed = _string(toml_file, (*path, "printed"), own.get("printed"))
    unit = _choice(toml_file, (*path, "unit"), keys.get("unit"), UNITS)
    reading = _reading(toml_file, path, keys)
    alternatives: tuple[Reading, ...] = ()
    if reading is None:
        # What a row or column says of its computed cells is not about the quoted ones between.
        verdict, note = CellVerdict.QUOTED, own.get("note", "")
    else:
        if UNITS[unit].scale is not None and parse_figure(printed, UNITS[unit]) is None:
            raise toml_file.error(
                (*path, "printed"), f"{printed!r} is no figure such as 143M, ~4.1e9 or 94.86%"
            )
        recorded = _choice(toml_file, (*path, "verdict"), keys.get("verdict"), list(CellVerdict))
        verdict, note = CellVerdict(recorded), keys.get("note", "")
        alternatives = tuple(
            _alternative(toml_file, (*path, "alternatives", i), keys, entry)
            for i, entry in enumerate(keys.get("alternatives", []))
        )
    if verdict in (CellVerdict.NEAR, CellVerdict.UNEXPLAINED) and not note:
        raise toml_file.error(
            (*path, "note"), f"a cell that is {verdict} needs a note that says why"
        )
    note = _string(toml_file, (*path, "note"), note, empty=True)
    return PrintedCell(
        row, column, printed, unit, verdict, note, reading, alternatives, toml_file, path
    )


def _alternative(
    toml_file: TomlFile, path: KeyPath, keys: Mapping[str, Any], entry: Any
) -> Reading:
    entry = _mapping(toml_file, path, entry)
    _check_keys(toml_file, path, entry, (*_READING_KEYS, "reading"))
    label = _string(toml_file, (*path, "reading"), entry.get("reading"))
    reading = _reading(toml_file, path, {**keys, **entry}, label)
    if reading is None:
        raise toml_file.error(path, "an alternative needs a quantity and a model, or a claim")
    return reading


def _reading(
    toml_file: TomlFile, path: KeyPath, keys: Mapping[str, Any], label: str = ""
) -> Reading | None:
    quantity = keys.get("quantity")
    if quantity is None:
        return None
    _choice(toml_file, (*path, "quantity"), quantity, [*QUANTITIES, *CLAIMS])
    model = keys.get("model")
    if quantity in QUANTITIES and model is None:
        return None
    kinds = _strings(toml_file, (*path, "kinds"), keys.get("kinds", []))
    for kind in kinds:
        _choice(toml_file, (*path, "kinds"), kind, [known.value for known in Kind])
    convention = _string(toml_file, (*path, "convention"), keys.get("convention", "paper"))
    try:
        find_convention(convention)
    except UnknownNameError as error:
        raise toml_file.error((*path, "convention"), str(error)) from None
    return Reading(
        quantity=quantity,
        model=None if quantity in CLAIMS else _string(toml_file, (*path, "model"), model),
        convention=convention,
        input=_input(toml_file, (*path, "input"), keys.get("input")),
        at=_string(toml_file, (*path, "at"), keys.get("at", ""), empty=True),
        without=_strings(toml_file, (*path, "without"), keys.get("without", [])),
        kinds=kinds,
        label=label,
    )


def _input(toml_file: TomlFile, path: KeyPath, value: Any) -> IntShape | None:
    """`480x640` as `(1, 3, 480, 640)`."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", _string(toml_file, path, value))
    if match is None:
        raise toml_file.error(path, f"{value!r} is no input size such as 480x640")
    return (1, 3, int(match[1]), int(match[2]))


def _named(
    toml_file: TomlFile, key: str, value: Any, allowed: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The `[[rows]]` or `[[columns]]` by their unique names."""
    if not isinstance(value, list) or not value:
        raise toml_file.error((key,), f"missing: a table needs [[{key}]]")
    named: dict[str, Mapping[str, Any]] = {}
    for i, entry in enumerate(value):
        path: KeyPath = (key, i)
        entry = _mapping(toml_file, path, entry)
        _check_keys(toml_file, path, entry, (*allowed, "name"))
        name = _string(toml_file, (*path, "name"), entry.get("name"))
        if name in named:
            raise toml_file.error((*path, "name"), f"{name!r} is there twice")
        named[name] = entry
    return named


def _check_keys(
    toml_file: TomlFile, path: KeyPath, value: Mapping[str, Any], allowed: Sequence[str]
) -> None:
    for key in value:
        if key not in allowed:
            raise toml_file.error((*path, key), str(UnknownNameError("key", key, allowed)))


def _choice(toml_file: TomlFile, path: KeyPath, value: Any, known: Any) -> str:
    name = _string(toml_file, path, value)
    if name not in known:
        raise toml_file.error(path, str(UnknownNameError(str(path[-1]), name, known)))
    return name


def _string(toml_file: TomlFile, path: KeyPath, value: Any, *, empty: bool = False) -> str:
    if value is None:
        raise toml_file.error(path, "missing")
    if not isinstance(value, str):
        raise toml_file.error(path, f"{value!r} must be a string")
    if not value and not empty:
        raise toml_file.error(path, "must not be empty")
    return value


def _strings(toml_file: TomlFile, path: KeyPath, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise toml_file.error(path, f"{value!r} must be a list of strings")
    return tuple(_string(toml_file, (*path, i), entry) for i, entry in enumerate(value))


def _mapping(toml_file: TomlFile, path: KeyPath, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise toml_file.error(path, f"{value!r} must be a table")
    return value
