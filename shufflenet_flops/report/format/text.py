"""Grids for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shufflenet_flops.report.grid import Grid, bar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_grids(console: Console, grids: Sequence[Grid]) -> None:
    """Print each grid with its notes below it, a blank line between grids.

    Notes are wrapped to the console's width. Columns of a table that is wider move together, names
    wrap, and what still does not fit goes on below, beside the first column. Nothing is cut.
    """
    from rich.text import Text

    width = console.width
    for i, one in enumerate(grids):
        if i:
            console.print()
        console.print(Text(one.title, style="bold"))
        if one.rows:
            for block in _blocks(_with_bars(_marked(one), width), width):
                console.width = width if _folds(block, width) else max(width, _least(block))
                console.print(_table(block, width))
        for note in one.notes:
            console.print(Text(note, style="dim" if console.is_terminal else ""), width=width)


def _blocks(one: Grid, width: int) -> list[Grid]:
    """The grid, or parts of it that fit, each with its first column."""
    if _least(one) <= width or _folds(one, width):
        return [one]
    blocks = [[0]]
    for i in range(1, len(one.columns)):
        if len(blocks[-1]) > 1 and _least(_part(one, [*blocks[-1], i])) > width:
            blocks.append([0])
        blocks[-1].append(i)
    return [_part(one, block) for block in blocks]


def _part(one: Grid, places: Sequence[int]) -> Grid:
    """Some columns of a grid."""
    rows = tuple(tuple(row[i] for i in places) for row in one.rows)
    return replace(one, columns=tuple(one.columns[i] for i in places), rows=rows)


def _least(one: Grid) -> int:
    """The width with a blank between columns, figures whole and names wrapped between words."""
    return len(one.columns) - 1 + sum(_word(one, i) for i in range(len(one.columns)))


def _folds(one: Grid, width: int) -> dict[int, int]:
    """The column whose longest word is to fold, and its width; none where it gets too narrow."""
    names = [i for i, column in enumerate(one.columns) if not column.figures]
    if not names or _least(one) <= width:
        return {}
    longest = max(names, key=lambda i: _word(one, i))
    left = _word(one, longest) - (_least(one) - width)
    return {longest: left} if left >= _SHORTEST_NAME else {}


_SHORTEST_NAME = 12


def _word(one: Grid, place: int) -> int:
    """The length of what must stay on one line: a figure, or a word of a name."""
    if one.columns[place].figures:
        return _longest(one, place)
    texts = (one.columns[place].heading, *(row[place].text for row in one.rows))
    return max((len(word) for text in texts for word in text.split()), default=0)


def _with_bars(one: Grid, width: int) -> Grid:
    """Bars as text, in the width that the other columns leave; without them where it is little."""
    places = [i for i, column in enumerate(one.columns) if column.bars]
    if not places:
        return one
    kept = [i for i in range(len(one.columns)) if i not in places]
    left = width - sum(_longest(one, i) + 2 for i in kept)
    length = min(left // len(places), _LONGEST_BAR)
    if length >= _SHORTEST_BAR:
        kept = list(range(len(one.columns)))
    rows = [
        tuple(
            replace(row[i], text=bar(row[i].share, length)) if i in places else row[i] for i in kept
        )
        for row in one.rows
    ]
    return replace(one, columns=tuple(one.columns[i] for i in kept), rows=tuple(rows))


_SHORTEST_BAR, _LONGEST_BAR = 8, 24


def _longest(one: Grid, place: int) -> int:
    """The width of a column in characters."""
    texts = (one.columns[place].heading, *(row[place].text for row in one.rows))
    return max(len(line) for text in texts for line in text.split("\n"))


def _table(one: Grid, width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    natural = sum(_longest(one, i) + 2 for i in range(len(one.columns))) - 2
    padding = 1 if natural <= width else 0
    folds = _folds(one, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, padding, 0, 0), show_edge=False)
    for i, column in enumerate(one.columns):
        table.add_column(
            Text(column.heading),
            justify="right" if column.figures else "left",
            # Words may wrap; a figure is never cut.
            no_wrap=column.figures,
            overflow="fold",
            max_width=folds.get(i),
        )
    for row in one.rows:
        table.add_row(*(Text(cell.text, style="bold green" if cell.best else "") for cell in row))
    return table


def _marked(one: Grid) -> Grid:
    """The best figure of a column carries a star, so that it shows without colour too."""
    marked = [any(row[i].best for row in one.rows) for i in range(len(one.columns))]
    rows = tuple(
        tuple(
            replace(cell, text=cell.text + ("*" if cell.best else "\N{NO-BREAK SPACE}"))
            if has_mark
            else cell
            for cell, has_mark in zip(row, marked, strict=True)
        )
        for row in one.rows
    )
    return replace(one, rows=rows)
