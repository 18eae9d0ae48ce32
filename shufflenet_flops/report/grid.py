"""A table of text cells with a title and notes: what the terminal and Markdown both render."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from shufflenet_flops.errors import inert, printable


@dataclass(frozen=True)
class Column:
    """A column's heading, with its unit, and whether its cells are figures (right-aligned).

    The cells of a column of `bars` are drawn, from their `share`; those of a `path` are shortened
    in the middle where there is little room, and never wrapped. `name` is what a file calls the
    column, where that is not the heading.
    """

    heading: str
    figures: bool = True
    bars: bool = False
    path: bool = False
    name: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell's text; `best` marks the best value of its column, `latex` is the text as maths.

    `share`, from 0 to 1, is the length of a bar. A text that is `stacked` has line breaks of ours.
    `value` is the whole number that the text rounds. `tone` tells what is well from what is not.
    """

    text: str
    best: bool = False
    latex: str = ""
    share: float = 0.0
    stacked: bool = False
    value: int | None = None
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class Grid:
    """One table; `notes` are sentences that belong under it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def grid(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    notes: Sequence[str] = (),
) -> Grid:
    """A Grid from plain texts and cells, whatever is in them: all is made printable."""
    cells = tuple(
        tuple(_shown(cell if isinstance(cell, Cell) else Cell(cell)) for cell in row)
        for row in rows
    )
    headings = (replace(column, heading=_text(column.heading, "\n")) for column in columns)
    return Grid(_text(title), tuple(headings), cells, tuple(map(_text, notes)))


def _text(text: str, keep: str = "") -> str:
    return inert(printable(text, keep))


def _shown(cell: Cell) -> Cell:
    text = _text(cell.text, "\n" if cell.stacked else "")
    return cell if text == cell.text else replace(cell, text=text)


def with_notes(table: Grid, notes: Sequence[str]) -> Grid:
    """The grid with more notes under it."""
    return Grid(table.title, table.columns, table.rows, (*table.notes, *map(_text, notes)))


def mega(value: int, digits: int = 3) -> str:
    """A count in millions: 47980800 as `47.981`."""
    return _decimals(value, 10**6, digits)


def _decimals(value: int, size: int, digits: int) -> str:
    """A count in units of `size`; what is not 0 does not look as if it were."""
    text = f"{value / size:,.{digits}f}"
    return (
        f"<{10.0**-digits:.{digits}f}" if value > 0 and not float(text.replace(",", "")) else text
    )


def milliseconds(seconds: float) -> str:
    """Three or more significant digits, in milliseconds."""
    value = seconds * 1e3
    digits = 1 if value >= 100 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


@dataclass(frozen=True)
class UnitPrefix:
    """A unit prefix for a column of counts, so that its largest figure stays short."""

    prefix: str
    size: int
    digits: int

    def __call__(self, value: int) -> str:
        return _decimals(value, self.size, self.digits)


def scale_for(values: Iterable[int]) -> UnitPrefix:
    """Thousands, millions or thousands of millions, by the largest value."""
    largest = max(values)
    if largest >= 10**9:
        return UnitPrefix("G", 10**9, 4)
    return UnitPrefix("M", 10**6, 3) if largest >= 10**6 else UnitPrefix("k", 10**3, 2)


def scale_within(prefix: str, digits: int, largest: int) -> UnitPrefix:
    """Millions or thousands as asked, or the next smaller unit in which `largest` is 1 or more.

    Where that is ones, there are no decimals; a largest of 0 needs no other unit.
    """
    sizes = {"M": 10**6, "k": 10**3}
    for smaller in list(sizes)[list(sizes).index(prefix) :]:
        if not largest or largest >= sizes[smaller]:
            return UnitPrefix(smaller, sizes[smaller], digits)
    return UnitPrefix("", 1, 0)


def percent(part: int, whole: int) -> str:
    """A share to one decimal, `93.4 %`; a dash for none."""
    return f"{100 * part / whole:.1f} %" if part else "–"


def bar(share: float, width: int) -> str:
    """A bar as long as its share of `width` characters, to an eighth of one; never quite nothing.

    A share of 0 is no bar.
    """
    eighths = max(round(8 * width * share), 1 if share else 0)
    return "█" * (eighths // 8) + "▏▎▍▌▋▊▉"[eighths % 8 - 1 : eighths % 8 or 0]
