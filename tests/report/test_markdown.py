"""Markdown and text show hostile text as text."""

from __future__ import annotations

import io

from rich.console import Console

from shufflenet_flops.report.grid import Cell, Column, grid
from shufflenet_flops.report.markdown import markdown
from shufflenet_flops.report.text import print_grids

HOSTILE = "<script>alert(1)</script> | [link](x) *a* `b` #\nnew"


def test_markdown_escapes() -> None:
    """No tag, no extra column, no new line."""
    text = markdown([grid(HOSTILE, [Column("a")], [[HOSTILE], [Cell("7", best=True)]], [HOSTILE])])

    assert "<script>" not in text
    assert "\\|" in text
    assert "\n| **7** |" in text
    assert len([line for line in text.splitlines() if line.startswith("|")]) == 4


def test_text_leaves_rich_markup_alone() -> None:
    """A name in brackets is a name."""
    stream = io.StringIO()
    print_grids(Console(file=stream, width=100), [grid("[red]t", [Column("a")], [["[bold]x"]])])

    assert "[red]t" in stream.getvalue()
    assert "[bold]x" in stream.getvalue()
