"""Text that goes to no terminal is laid out without rich, to the same lines."""

from __future__ import annotations

import random

import pytest

from shufflenet_flops.report.format.text import PIPE_WIDTH, _on_console, _plain, grids_as_text
from shufflenet_flops.report.grid import Cell, Column, Grid, grid

WORDS = ("", "a", "conv1", "1,024", "≈ 142.50↓", "–", "stage2.0.branch.pw1", "η ⌈h/2⌉", "x y  z")


def some_grid(draw: random.Random) -> Grid:
    """Any mix of headings, figures, names, several lines, stars, bars, and notes long and short."""
    columns = [
        Column(
            draw.choice(("network", "MACs\nM", "it has\nso many", "")),
            figures=draw.random() < 0.6,
            bars=draw.random() < 0.1,
        )
        for _ in range(draw.randint(1, 7))
    ]
    rows = [
        [
            Cell(
                "\n".join(draw.choices(WORDS, k=draw.choice((1, 1, 1, 2, 3)))),
                best=draw.random() < 0.1,
                share=draw.random(),
                stacked=True,
            )
            for _ in columns
        ]
        for _ in range(draw.randint(0, 6))
    ]
    notes = [" ".join(draw.choices(WORDS[1:-1], k=draw.randint(1, 90))) for _ in range(2)]
    return grid(" ".join(draw.choices(WORDS[1:-1], k=4)), columns, rows, notes)


def test_two_hundred_grids_are_the_same_lines() -> None:
    draw = random.Random(5)
    for _ in range(200):
        of = some_grid(draw)
        plain = _plain(of, PIPE_WIDTH)

        assert plain is not None
        assert [line.rstrip() for line in plain] == [line.rstrip() for line in _on_console(of)]


@pytest.mark.parametrize("text", ["層", "e\u0301", "\u200b", "🙂"])
def test_letters_of_another_width_are_left_to_rich(text: str) -> None:
    """In a cell, a heading, a title or a note."""
    figure = Cell("1")
    for of in (
        Grid("t", (Column("h"),), ((Cell(text),),)),
        Grid("t", (Column(text),), ((figure,),)),
        Grid(text, (Column("h"),), ((figure,),)),
        Grid("t", (Column("h"),), ((figure,),), (text,)),
    ):
        assert _plain(of, PIPE_WIDTH) is None
        assert text in grids_as_text([of])


def test_a_table_that_is_too_wide_is_left_to_rich() -> None:
    of = grid("t", [Column("h", figures=False)] * 3, [["w" * 100] * 3])

    assert _plain(of, PIPE_WIDTH) is None
    assert "w" * 100 in grids_as_text([of])
