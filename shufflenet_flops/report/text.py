"""Grids for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shufflenet_flops.report.grid import Grid, bar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_ROOMY = 1000  # wider than any table


def print_grids(console: Console, grids: Sequence[Grid]) -> None:
    """Print each grid with its notes below it, a blank line between grids.

    Notes are wrapped to the console's width; columns of a table that is wider move together, and
    names wrap. What is still wider is left to the terminal to wrap, never cut.
    """
    from rich.text import Text

    width = console.width
    for i, one in enumerate(grids):
        if i:
            console.print()
        console.print(Text(one.title, style="bold"))
        if one.rows:
            shown = _with_bars(one, width)
            roomy = console.options.update(width=_ROOMY)
            table = _table(shown)
            if console.measure(table, options=roomy).maximum > width:
                table = _table(shown, padding=0)
                excess = console.measure(table, options=roomy).minimum - width
                _narrow(table, shown, excess)
            console.width = max(width, console.measure(table, options=roomy).minimum)
            console.print(table)
        for note in one.notes:
            console.print(Text(note, style="dim" if console.is_terminal else ""), width=width)


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


def _table(one: Grid, padding: int = 1) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, padding, 0, 0), show_edge=False)
    for column in one.columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.figures else "left",
            # Words may wrap; a figure is never cut.
            no_wrap=column.figures,
        )
    marked = [any(row[i].best for row in one.rows) for i in range(len(one.columns))]
    for row in one.rows:
        table.add_row(
            *(
                Text(_mark(cell.text, cell.best, has_mark), style="bold green" if cell.best else "")
                for cell, has_mark in zip(row, marked, strict=True)
            )
        )
    return table


def _narrow(table: Table, one: Grid, excess: int) -> None:
    """Let the column with the longest word give up as much, down to a width that can be read."""
    names = [i for i, column in enumerate(one.columns) if not column.figures]
    if excess <= 0 or not names:
        return
    words = {
        i: max((len(word) for row in one.rows for word in row[i].text.split()), default=0)
        for i in names
    }
    longest = max(words, key=words.__getitem__)
    table.columns[longest].max_width = max(words[longest] - excess, _SHORTEST_NAME)
    table.columns[longest].overflow = "fold"


_SHORTEST_NAME = 10


def _mark(text: str, best: bool, column_has_mark: bool) -> str:
    """The best figure carries a star, so that it shows without colour too."""
    if not column_has_mark:
        return text
    return text + ("*" if best else "\N{NO-BREAK SPACE}")
