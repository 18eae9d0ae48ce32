"""Grids as LaTeX tables, with formulas as maths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shufflenet_flops.errors import printable
from shufflenet_flops.report.format.registry import RESULTS, renders
from shufflenet_flops.report.grid import Cell, Column, Grid, bar

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Document

_BAR = 12  # characters of the longest bar
# What is a command of LaTeX, and what its fonts have as maths alone.
_ESCAPES = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "#$%&_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\n": " "},
        **{"·": r"$\cdot$", "×": r"$\times$", "≥": r"$\ge$", "≤": r"$\le$", "²": "$^2$"},
        **{"≡": r"$\equiv$", "≢": r"$\not\equiv$", "⌊": r"$\lfloor$", "⌋": r"$\rfloor$"},
        **{"⌈": r"$\lceil$", "⌉": r"$\rceil$", "–": "--", "…": r"\dots{}", "→": r"$\to$"},
        **{"±": r"$\pm$", "µ": r"$\mu$", "−": "$-$", "█": r"\rule{.5em}{1ex}"},
    }
)


@renders(RESULTS, "latex", ".tex", rank=42)
def document_as_latex(document: Document) -> str:
    """Each table as a `table` of its own, for a document that loads the package booktabs."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(map(_table, document.grids))


def _table(grid: Grid) -> str:
    columns = "".join("r" if column.figures else "l" for column in grid.columns)
    body = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _line(map(_heading, grid.columns)),
        r"\midrule",
        *(_line(map(_cell, row)) for row in grid.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_text(grid.title)}}}",
            *(body if grid.rows else []),
            *_notes(grid.notes),
            r"\end{table}",
            "",
        ]
    )


def _notes(notes: Sequence[str]) -> list[str]:
    return ["", *(f"{_text(note)}\n" for note in notes)] if notes else []


def _line(cells: Iterable[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _heading(column: Column) -> str:
    return _text(column.heading)


def _cell(cell: Cell) -> str:
    if cell.share:
        return _text(bar(cell.share, _BAR))
    if cell.latex:
        return f"${cell.latex}$"
    return rf"\textbf{{{_text(cell.text)}}}" if cell.best else _text(cell.text)


def _text(text: str) -> str:
    return printable(text, "\n").translate(_ESCAPES)
