"""Grids as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shufflenet_flops.report.grid import Cell, Grid


def markdown(grids: Sequence[Grid]) -> str:
    """Each grid as a heading, a table and a list of notes."""
    return "\n".join(_grid(one) for one in grids)


def escape(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", text)
    return (
        escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    )


def _grid(one: Grid) -> str:
    lines = [f"### {escape(one.title)}", ""]
    if one.rows:
        lines += [
            _line(escape(column.heading) for column in one.columns),
            _line("---:" if column.figures else ":---" for column in one.columns),
            *(_line(_cell(cell) for cell in row) for row in one.rows),
            "",
        ]
    if one.notes:
        lines += [*(f"- {escape(note)}" for note in one.notes), ""]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    if cell.latex:
        return f"${cell.latex}$"
    return f"**{escape(cell.text)}**" if cell.best else escape(cell.text)
