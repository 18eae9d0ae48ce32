"""Markdown and text show hostile text as text."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shufflenet_flops.report.format.markdown import markdown
from shufflenet_flops.report.format.text import print_grids
from shufflenet_flops.report.grid import Cell, Column, bar, grid

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


@pytest.mark.parametrize(("width", "length"), [(40, 0), (60, 21), (100, 24), (240, 24)])
def test_bars_take_what_is_left(width: int, length: int) -> None:
    """Up to a length, in eighths of a character; none where they would be too short."""
    columns = [Column("name", figures=False), Column("", figures=False, bars=True)]
    rows = [["x" * 37, Cell("", share=1.0)], ["total", Cell("")], ["y", Cell("", share=0.001)]]
    stream = io.StringIO()
    print_grids(Console(file=stream, width=width), [grid("t", columns, rows)])
    lines = stream.getvalue().splitlines()

    assert max(line.count("█") for line in lines) == length
    assert sum("▏" in line for line in lines) == bool(length)
    assert max(map(len, lines)) <= width


@given(st.floats(0, 1), st.integers(1, 40))
def test_bar_is_as_long_as_its_share(share: float, width: int) -> None:
    """To half an eighth of a character; something for something, nothing for nothing."""
    drawn = bar(share, width)
    eighths = sum(8 if one == "█" else "▏▎▍▌▋▊▉".index(one) + 1 for one in drawn)

    assert (drawn == "") == (share == 0)
    assert abs(eighths - 8 * width * share) <= 0.5 or drawn == "▏"
