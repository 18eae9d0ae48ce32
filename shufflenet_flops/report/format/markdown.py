"""Grids and reports as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.errors import one_line, printable
from shufflenet_flops.report.format.registry import PAGES, RESULTS, VERDICTS, renders
from shufflenet_flops.report.grid import Cell, Grid, bar

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Document, Page, Verdicts
    from shufflenet_flops.report.section import Section

_BAR = 12  # characters of the longest bar


@renders(RESULTS, "markdown", ".md", rank=40)
def document_as_markdown(document: Document) -> str:
    """The tables under headings of the third level."""
    return markdown(document.grids)


@renders(VERDICTS, "markdown", ".md", rank=40)
def verdicts_as_markdown(verdicts: Verdicts) -> str:
    """A table of what failed, with the rest folded up."""
    from shufflenet_flops.report.view import budget

    return budget.markdown(verdicts.report, verdicts.title)


@renders(PAGES, "markdown", ".md", rank=40)
def page_as_markdown(page: Page) -> str:
    """Sections one after the other, with links to the files of their figures."""
    return "\n".join(markdown_report(section, page.link) for section in page.sections)


def markdown(grids: Sequence[Grid], level: int = 3) -> str:
    """Each grid as a heading of that level, a table and a list of notes."""
    return "\n".join(_grid(grid, level) for grid in grids)


def markdown_report(section: Section, link: Callable[[str], str] | None = None) -> str:
    """A section as a document; `link` gives a picture's address by its name.

    The first picture stands before the tables, the others after them.
    """
    from html import escape as html_escape

    parts = [f"# {escape(section.question)}", ""]
    parts += [*(f"- {_sentence(finding)}" for finding in section.findings), ""]
    pictures = [
        f"![{escape(picture.caption)}]({link(picture.name)})\n"
        for picture in section.pictures
        if link is not None
    ]
    parts += [*pictures[:1], markdown(section.grids, 2), *pictures[1:]]
    layers = [section.portrait.layers] if section.portrait else []
    for grid in (*layers, *section.details):
        parts += ["<details>", f"<summary>{html_escape(grid.title)}</summary>", ""]
        parts += [*_body(grid), "</details>", ""]
    return "\n".join([*parts, *_about(section)])


def _about(section: Section) -> list[str]:
    lines = []
    if section.convention:
        lines += [f"Convention: {_sentence(section.convention)}", ""]
    if section.environment:
        from shufflenet_flops.report.section import stamp

        lines += [f"Measured on: {escape(stamp(section.environment))}", ""]
    if section.command:
        lines += [f"Made by: {_code(section.command)}", ""]
    return lines


def _sentence(text: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", text)
    parts[::2] = map(escape, parts[::2])
    parts[1::2] = map(_code, parts[1::2])
    return "".join(parts)


def _code(text: str) -> str:
    """A code span: in a fence longer than any in the text, on one line."""
    text = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def escape(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", printable(text, "\n"))
    return (
        escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    )


def _grid(grid: Grid, level: int) -> str:
    return "\n".join([f"{'#' * level} {escape(grid.title)}", "", *_body(grid)])


def _body(grid: Grid) -> list[str]:
    """The table and the notes, without the title."""
    lines = []
    if grid.rows:
        lines += [
            _line(escape(column.heading) for column in grid.columns),
            _line("---:" if column.figures else ":---" for column in grid.columns),
            *(_line(_cell(cell) for cell in row) for row in grid.rows),
            "",
        ]
    if grid.notes:
        lines += [*(f"- {escape(note)}" for note in grid.notes), ""]
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    if cell.share:
        return bar(cell.share, _BAR)
    if cell.latex:
        return f"${cell.latex}$"
    return f"**{escape(cell.text)}**" if cell.best else escape(cell.text)
