"""Tables as plain lines, for text of which every sign is known to be one column wide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from textwrap import wrap

from shufflenet_flops.report.grid import Grid


def plain_table(grid: Grid, width: int) -> list[str] | None:
    """Headings, a rule and rows; None where it does not fit, or a sign may be as wide as two."""
    headings = [column.heading.split("\n") for column in grid.columns]
    texts = (cell.text for row in grid.rows for cell in row)
    if not all(map(is_narrow, (*texts, *chain(*headings)))):
        return None
    widths = [longest(grid, i) for i in range(len(grid.columns))]
    whole = sum(widths) + 2 * len(widths) - 2
    if whole > width:
        return None
    tallest = max(map(len, headings))
    lines = _row([[""] * (tallest - len(lines)) + lines for lines in headings], grid, widths)
    lines.append("─" * whole)
    for row in grid.rows:
        lines += _row([cell.text.split("\n") for cell in row], grid, widths)
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines broken between words."""
    if len(text) <= width:
        return [text]
    return wrap(text, width, break_on_hyphens=False, replace_whitespace=False, expand_tabs=False)


def _row(cells: Sequence[Sequence[str]], grid: Grid, widths: Sequence[int]) -> list[str]:
    """A row's lines: its cells' lines side by side, figures to the right."""
    return [
        "  ".join(
            text.rstrip().rjust(width) if column.figures else text.ljust(width)
            for text, column, width in zip(line, grid.columns, widths, strict=True)
        )
        for line in zip_longest(*cells, fillvalue="")
    ]


def is_narrow(text: str) -> bool:
    """Whether each character is as wide as one: Latin, Greek, punctuation, arrows, maths, boxes."""
    return text.isascii() or all(
        any(first <= ord(sign) <= last for first, last in _NARROW) for sign in text if sign != "\n"
    )


_NARROW = (
    *((0x20, 0x2FF), (0x391, 0x3FF), (0x2010, 0x2027), (0x2030, 0x2037), (0x2190, 0x21FF)),
    *((0x2200, 0x22FF), (0x2308, 0x230B), (0x2500, 0x259F)),
)


def longest(grid: Grid, place: int) -> int:
    """The width of a column in characters."""
    texts = (grid.columns[place].heading, *(row[place].text for row in grid.rows))
    return max(len(line) for text in texts for line in text.split("\n"))
