"""Grids and verdicts for the terminal, and as plain text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from shufflenet_flops.report.format.registry import RESULTS, VERDICTS, renders
from shufflenet_flops.report.grid import Cell, Grid, bar
from shufflenet_flops.report.plain import is_narrow, longest, plain_table, wrapped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from shufflenet_flops.report.document import Document, Verdicts

PIPE_WIDTH = 240  # a table that goes to a file or pipe is not cut at 80 columns


@renders(RESULTS, "table", ".txt", rank=10)
def document_as_text(document: Document) -> str:
    """The tables, without colours and as wide as they are."""
    return grids_as_text(document.grids)


def grids_as_text(grids: Sequence[Grid]) -> str:
    """Grids without colours and as wide as they are."""
    parts = (_plain(grid, PIPE_WIDTH) or _on_console(grid) for grid in grids)
    # rstrip takes the no-break spaces that stand where other rows have a star, too.
    lines = ("\n".join(line.rstrip() for line in part) for part in parts)
    return "\n\n".join(lines) + "\n"


def _on_console(grid: Grid) -> list[str]:
    from rich.console import Console

    text = io.StringIO()
    print_grids(Console(file=text, width=PIPE_WIDTH), [grid], shorten=False)
    return text.getvalue().splitlines()


def _plain(grid: Grid, width: int) -> list[str] | None:
    """The lines that `print_grids` makes, without rich, which takes longer than most counts.

    None where the table does not fit, or a character may be as wide as two.
    """
    if not all(map(is_narrow, (grid.title, *grid.notes))):
        return None
    table = plain_table(_with_bars(_marked(grid), width), width) if grid.rows else []
    if table is None:
        return None
    return [
        *wrapped(grid.title, width),
        *table,
        *chain(*(wrapped(note, width) for note in grid.notes)),
    ]


@renders(VERDICTS, "text", ".txt", rank=10)
def verdicts_as_text(verdicts: Verdicts) -> str:
    """A line for each, and a summary."""
    from shufflenet_flops.report.view.budget import text

    return text(verdicts.report)


def print_grids(console: Console, grids: Sequence[Grid], *, shorten: bool = True) -> None:
    """Print each grid with its notes below it, a blank line between grids.

    Notes are wrapped to the console's width. Of a table that is wider, paths are shortened in the
    middle unless `shorten` is false, columns move together, names wrap, and what still does not
    fit goes on below, beside the first column. No figure is cut.
    """
    from rich.text import Text

    width = console.width
    for i, grid in enumerate(grids):
        if i:
            console.print()
        console.print(Text(grid.title, style="bold"))
        if grid.rows:
            grid = _with_bars(_marked(grid), width)
            for block in _blocks(_shortened(grid, width) if shorten else grid, width):
                console.width = width if _folds(block, width) else max(width, _least(block))
                console.print(_table(block, width))
        for note in grid.notes:
            console.print(Text(note, style="dim" if console.is_terminal else ""), width=width)


def _shortened(grid: Grid, width: int) -> Grid:
    """Paths as long as the other columns leave room for, each with its middle left out."""
    for i, column in enumerate(grid.columns):
        if not column.path:
            continue
        others = [k for k in range(len(grid.columns)) if k != i]
        room = width - sum(longest(grid, k) + 1 for k in others)
        if room < _GOOD_PATH:
            room = width - sum(_word(grid, k) + 1 for k in others)
        if _SHORTEST_NAME <= room < longest(grid, i):
            rows = tuple(
                tuple(
                    replace(cell, text=_without_middle(cell.text, room)) if k == i else cell
                    for k, cell in enumerate(row)
                )
                for row in grid.rows
            )
            grid = replace(grid, rows=rows)
    return grid


def _without_middle(text: str, length: int) -> str:
    """The text, or its start and its end: in a path, the stage and the layer."""
    if len(text) <= length:
        return text
    start = (length - 1) // 2
    return f"{text[:start]}…{text[start + 1 - length :]}"


def _blocks(grid: Grid, width: int) -> list[Grid]:
    """The grid, or parts of it that fit, each with the columns by which rows are told apart."""
    if _least(grid) <= width or _folds(grid, width):
        return [grid]
    key = _key(grid, width)
    blocks = [[*key]]
    for i in range(len(key), len(grid.columns)):
        if len(blocks[-1]) > len(key) and _least(_part(grid, [*blocks[-1], i])) > width:
            blocks.append([*key])
        blocks[-1].append(i)
    return [_part(grid, block) for block in blocks]


def _key(grid: Grid, width: int) -> range:
    """The first columns of which no two rows are alike, within half the width; else the first."""
    for number in range(1, len(grid.columns)):
        key = range(number)
        if number > 1 and _least(_part(grid, key)) > width // 2:
            break
        if len({tuple(row[i].text for i in key) for row in grid.rows}) == len(grid.rows):
            return key
    return range(1)


def _part(grid: Grid, places: Sequence[int]) -> Grid:
    """Some columns of a grid."""
    rows = tuple(tuple(row[i] for i in places) for row in grid.rows)
    return replace(grid, columns=tuple(grid.columns[i] for i in places), rows=rows)


def _least(grid: Grid) -> int:
    """The width with a blank between columns, figures whole and names wrapped between words."""
    return len(grid.columns) - 1 + sum(_word(grid, i) for i in range(len(grid.columns)))


def _folds(grid: Grid, width: int) -> dict[int, int]:
    """The column whose longest word is to fold, and its width; none where it gets too narrow."""
    names = [i for i, column in enumerate(grid.columns) if not (column.figures or column.path)]
    if not names or _least(grid) <= width:
        return {}
    longest = max(names, key=lambda i: _word(grid, i))
    left = _word(grid, longest) - (_least(grid) - width)
    return {longest: left} if left >= _SHORTEST_NAME else {}


_SHORTEST_NAME = 12
_GOOD_PATH = 16


def _word(grid: Grid, place: int) -> int:
    """The length of what must stay on one line: a figure, or a word of a name."""
    if grid.columns[place].figures or grid.columns[place].path:
        return longest(grid, place)
    texts = (grid.columns[place].heading, *(row[place].text for row in grid.rows))
    return max((len(word) for text in texts for word in text.split()), default=0)


def _with_bars(grid: Grid, width: int) -> Grid:
    """Bars as text, in the width that the other columns leave; without them where it is little."""
    places = [i for i, column in enumerate(grid.columns) if column.bars]
    if not places:
        return grid
    kept = [i for i in range(len(grid.columns)) if i not in places]
    left = width - sum(longest(grid, i) + 2 for i in kept)
    length = min(left // len(places), _LONGEST_BAR)
    if length >= _SHORTEST_BAR:
        kept = list(range(len(grid.columns)))
    rows = [
        tuple(
            replace(row[i], text=bar(row[i].share, length)) if i in places else row[i] for i in kept
        )
        for row in grid.rows
    ]
    return replace(grid, columns=tuple(grid.columns[i] for i in kept), rows=tuple(rows))


_SHORTEST_BAR, _LONGEST_BAR = 8, 24


def _table(grid: Grid, width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    natural = sum(longest(grid, i) + 2 for i in range(len(grid.columns))) - 2
    padding = 1 if natural <= width else 0
    folds = _folds(grid, width)
    for i, length in folds.items():
        grid = _folded(grid, i, length)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, padding, 0, 0), show_edge=False)
    for i, column in enumerate(grid.columns):
        table.add_column(
            Text(column.heading),
            justify="right" if column.figures else "left",
            # Words may wrap; a figure is never cut.
            no_wrap=column.figures or column.path,
            overflow="fold",
            max_width=folds.get(i),
        )
    for row in grid.rows:
        table.add_row(*(Text(cell.text, style=_style(cell)) for cell in row))
    return table


def _style(cell: Cell) -> str:
    return "bold green" if cell.best else {"good": "green", "bad": "bold red", "": ""}[cell.tone]


def _folded(grid: Grid, place: int, length: int) -> Grid:
    """A column in which every word is at most so long."""
    rows = tuple(
        tuple(
            replace(cell, text=" ".join(_in_parts(word, length) for word in cell.text.split(" ")))
            if i == place
            else cell
            for i, cell in enumerate(row)
        )
        for row in grid.rows
    )
    return replace(grid, rows=rows)


def _in_parts(word: str, length: int) -> str:
    """A word on several lines, each up to a comma, else another sign between names, if it can."""
    lines = []
    while len(word) > length:
        ends = [
            max(word.rfind(sign, 0, length) for sign in signs) + 1 for signs in (",", "@", "-_/.")
        ]
        end = next(filter(None, ends), length)
        lines.append(word[:end])
        word = word[end:]
    return "\n".join([*lines, word])


def _marked(grid: Grid) -> Grid:
    """The best figure of a column carries a star, so that it shows without colour too."""
    marked = [any(row[i].best for row in grid.rows) for i in range(len(grid.columns))]
    rows = tuple(
        tuple(
            replace(cell, text=cell.text + ("*" if cell.best else "\N{NO-BREAK SPACE}"))
            if has_mark
            else cell
            for cell, has_mark in zip(row, marked, strict=True)
        )
        for row in grid.rows
    )
    return replace(grid, rows=rows)
