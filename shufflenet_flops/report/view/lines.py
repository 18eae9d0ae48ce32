"""One line for each layer, or for each group of layers: sorted, cut short, with a total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shufflenet_flops.counting import Convention, Row, Table
from shufflenet_flops.counting.metric import ACTIVATIONS, MEMORY, TIME
from shufflenet_flops.errors import UnknownNameError, plural
from shufflenet_flops.report.grid import (
    Cell,
    Column,
    Grid,
    UnitPrefix,
    grid,
    percent,
    scale_for,
    scale_within,
)
from shufflenet_flops.spec import shape_text

ROOT = "(model)"  # what the outermost module does itself, which has no path
TIMED = TIME.key  # the column and the order that need a prediction
AskedPrefix = Literal["M", "G", "auto"]


@dataclass(frozen=True)
class LayerView:
    """Which lines and columns are shown, and in which order.

    `sort` is a key of SORTS, None for the order in which layers run; `top` shows only so many
    lines, and the others as one. Lines without any count and parameter are one, too, unless
    `zeros`. `columns` are keys of COLUMNS, by default a few. `unit` is the prefix of the counts.
    """

    sort: str | None = None
    top: int | None = None
    zeros: bool = False
    columns: tuple[str, ...] = ()
    unit: AskedPrefix = "M"


@dataclass(frozen=True)
class _Whole:
    """What shares are of, and the units of the columns."""

    table: Table
    convention: Convention
    count: UnitPrefix
    activations: UnitPrefix
    memory: UnitPrefix


@dataclass(frozen=True)
class Line:
    """One line: its rows, the row itself where it is one layer, and the length of its bar."""

    name: str
    part: Table
    row: Row | None = None
    bar: float | None = None


@dataclass(frozen=True)
class _Column:
    """How a column is headed and filled; one `of_a_layer` is empty for anything else."""

    heading: Callable[[_Whole], str]
    text: Callable[[Line, _Whole], str]
    figures: bool = True
    of_a_layer: bool = False


def _of_layer(heading: str, text: Callable[[Row], str], *, figures: bool = True) -> _Column:
    return _Column(
        lambda whole: heading,
        lambda line, whole: text(line.row) if line.row else "",
        figures,
        of_a_layer=True,
    )


_NANO = 10**9  # in a second: cells hold whole numbers
_MS = UnitPrefix("m", 10**6, 3)


def or_dash(value: int, scale: UnitPrefix) -> str:
    """A dash for none at all, which is not the same as a little."""
    return scale(value) if value else "–"


COLUMNS: Mapping[str, _Column] = {
    "kind": _of_layer("kind", lambda row: row.kind.value, figures=False),
    "output": _of_layer("output", lambda row: shape_text(row.output)),
    "kernel": _of_layer("kernel", lambda row: shape_text(row.kernel) if row.kernel else ""),
    "stride": _of_layer("stride", lambda row: str(row.stride[0]) if row.stride else ""),
    "groups": _of_layer("groups", lambda row: str(row.groups or "")),
    "macs": _Column(
        lambda whole: f"{whole.count.prefix}{whole.convention.unit}",
        lambda line, whole: or_dash(line.part.total(whole.convention), whole.count),
    ),
    "share": _Column(
        lambda whole: "share",
        lambda line, whole: percent(
            line.part.total(whole.convention), whole.table.total(whole.convention)
        ),
    ),
    "params": _Column(
        lambda whole: "params",
        lambda line, whole: f"{line.part.params:,}" if line.part.params else "–",
    ),
    "of-params": _Column(
        lambda whole: "of all\nparams",
        lambda line, whole: percent(line.part.params, whole.table.params),
    ),
    "activations": _Column(
        lambda whole: f"activations\n{whole.activations.prefix}".rstrip(),
        lambda line, whole: or_dash(line.part.activations, whole.activations),
    ),
    "memory": _Column(
        lambda whole: f"memory\n{whole.memory.prefix}B",
        lambda line, whole: whole.memory(line.part.memory_bytes),
    ),
    TIMED: _Column(
        lambda whole: TIME.heading,
        lambda line, whole: or_dash(round(line.part.time_s * _NANO), _MS),
    ),
}
OF_LAYERS = ("kind", "output", "macs", "share", "params")
OF_GROUPS = ("macs", "share", "params", "of-params", "activations", "memory")
# What lines are sorted by, the most first.
SORTS: Mapping[str, Callable[[Table, Convention], float]] = {
    "macs": lambda part, convention: part.total(convention),
    "params": lambda part, convention: part.params,
    "activations": lambda part, convention: part.activations,
    "memory": lambda part, convention: part.memory_bytes,
    TIMED: lambda part, convention: part.time_s,
}


def check_view(view: LayerView, *, layers: bool) -> None:
    """Raise UnknownNameError or InputError for a sort or a column that there is not."""
    if view.sort is not None and view.sort not in SORTS:
        raise UnknownNameError("sort", view.sort, SORTS)
    known = [name for name, column in COLUMNS.items() if layers or not column.of_a_layer]
    for name in view.columns:
        if name not in known:
            raise UnknownNameError("column", name, known)


def layer_grid(
    title: str, table: Table, convention: Convention, view: LayerView | None = None
) -> Grid:
    """One row for each layer, in the order they run unless `view` sorts them, then the total."""
    view = view or LayerView()
    check_view(view, layers=True)
    lines = [Line(row.path or ROOT, table.at([i]), row) for i, row in enumerate(table.rows)]
    return line_grid(title, "layer", lines, table, convention, view, OF_LAYERS)


def group_grid(
    title: str,
    by: str,
    groups: Mapping[str, Table],
    whole: Table,
    convention: Convention,
    notes: Sequence[str] = (),
    view: LayerView | None = None,
) -> Grid:
    """One row for each of `groups`, by `by`, with shares of the whole, then the total."""
    view = view or LayerView(zeros=True)
    check_view(view, layers=False)
    lines = [Line(name or ROOT, part) for name, part in groups.items()]
    return line_grid(title, by, lines, whole, convention, view, OF_GROUPS, notes)


def line_grid(
    title: str,
    by: str,
    lines: Sequence[Line],
    table: Table,
    convention: Convention,
    view: LayerView,
    default: Sequence[str],
    notes: Sequence[str] = (),
) -> Grid:
    """A grid of lines with the total of `table`, and with their bars where they have some."""
    whole = _whole(table, convention, view.unit)
    names = view.columns or _with_asked(default, view, table)
    columns = {name: COLUMNS[name] for name in names}
    with_bars = any(line.bar is not None for line in lines)
    rows: list[list[Cell | str]] = [
        [
            line.name,
            *(_cell(name, line, whole) for name in columns),
            *([Cell("", share=line.bar or 0.0)] if with_bars else []),
        ]
        for line in (*_shown(lines, convention, view, by), Line("total", table))
    ]
    headings = [
        Column(by, figures=False, path=True),
        *(
            Column(column.heading(whole), column.figures, name=_in_files(name, convention))
            for name, column in columns.items()
        ),
        *([Column("", figures=False, bars=True)] if with_bars else []),
    ]
    return grid(title, headings, rows, notes)


def _with_asked(default: Sequence[str], view: LayerView, table: Table) -> list[str]:
    """The default columns, and in place of the last figures those that were asked for."""
    asked = [view.sort] if view.sort else []
    asked += [TIMED] if table.times and view.sort != TIMED else []
    more = [name for name in asked if name not in default]
    less = [name for name in ("of-params", "params") if name in default][:1] if more else []
    return [*(name for name in default if name not in less), *more]


def _cell(name: str, line: Line, whole: _Whole) -> Cell:
    amount = SORTS.get(name)
    text = COLUMNS[name].text(line, whole)
    if amount is None:
        return Cell(text)
    value = amount(line.part, whole.convention)
    return Cell(text, value=round(value * _NANO) if name == TIMED else int(value))


def _in_files(name: str, convention: Convention) -> str:
    """What a column is called where its figures stand in full."""
    names = {"macs": f"{convention.unit.lower()}s", "memory": MEMORY.name, TIMED: "time_ns"}
    return names.get(name, name)


def _whole(table: Table, convention: Convention, prefix: AskedPrefix) -> _Whole:
    """The units: MMAC, thousands and MB, or less for a tiny network."""
    total = table.total(convention)
    count = (
        UnitPrefix("G", 10**9, 4)
        if prefix == "G"
        else scale_for([total])
        if prefix == "auto"
        else scale_within("M", 3, total)
    )
    return _Whole(
        table,
        convention,
        count,
        scale_within(*ACTIVATIONS.scale, table.activations),
        scale_within(*MEMORY.scale, table.memory_bytes),
    )


def _shown(lines: Sequence[Line], convention: Convention, view: LayerView, by: str) -> list[Line]:
    """The lines in their order, what is left out of them as one or two lines at the end."""
    shown: list[Line] = []
    empty: list[Line] = []
    key = SORTS[view.sort or "macs"]
    for line in lines:
        part = line.part
        has_work = part.total(convention) or part.params or part.time_s or key(part, convention)
        (shown if view.zeros or has_work else empty).append(line)
    if view.sort:
        shown.sort(key=lambda line: -key(line.part, convention))
    others = shown[view.top :] if view.top is not None else []
    shown = shown[: view.top]
    if others:
        shown.append(_together(plural(len(others), "other"), others))
    if empty:
        shown.append(_together(plural(len(empty), f"zero {by}"), empty))
    return shown


def _together(name: str, lines: Sequence[Line]) -> Line:
    return Line(
        name,
        Table(
            tuple(row for line in lines for row in line.part.rows),
            tuple(time for line in lines for time in line.part.times),
        ),
    )
