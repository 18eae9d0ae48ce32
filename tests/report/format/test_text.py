"""Tables in a terminal of 80 columns."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from shufflenet_flops import zoo
from shufflenet_flops.counting import Convention, Table, find_convention, layer_table
from shufflenet_flops.report.format.text import print_grids
from shufflenet_flops.report.grid import Column, Grid, grid
from shufflenet_flops.report.view.count import stage_grid
from shufflenet_flops.report.view.lines import layer_grid

WIDE = [Column("name", figures=False), *[Column(f"figure\n{i}") for i in range(6)]]


def printed(one: Grid, width: int = 80) -> list[str]:
    """The lines of a grid on a console of a width."""
    stream = io.StringIO()
    print_grids(Console(file=stream, width=width), [one])
    return stream.getvalue().splitlines()


def test_columns_move_together_before_a_line_is_too_long() -> None:
    """Long figures beside a name take 78 characters with two blanks between, 72 with one."""
    one = grid("t", WIDE, [["name", *["1234567890"] * 5, "123456789012"]])

    assert max(map(len, printed(one, 77))) <= 77
    assert "1234567890  1234567890" in printed(one, 90)[4]
    assert "1234567890 1234567890 " in printed(one, 77)[4]


def test_a_long_name_folds_and_figures_stay_whole() -> None:
    """What does not fit goes on below, within its column."""
    name = "family@option=1,other=2,third=3,and=4"
    lines = printed(grid("t", WIDE, [[name, *["1234567890"] * 6]]))

    assert max(map(len, lines)) <= 80
    assert lines[4].count("1234567890") == 6
    assert "".join(line[:14].strip() for line in lines[4:]) == name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("net@g=1,scale=0.25", ["net@g=1,", "scale=0.25"]),
        ("re-implementation of it", ["re-", "implementation", "of it"]),
        ("shuffle-v1-1x_16xb64_in1k", ["shuffle-v1-1x_", "16xb64_in1k"]),
        ("abcdefghijklmnopqrst", ["abcdefghijklmn", "opqrst"]),
    ],
)
def test_a_name_folds_where_it_has_a_sign(name: str, parts: list[str]) -> None:
    """At a comma, else at another sign between names, else where the column ends."""
    lines = printed(grid("t", WIDE, [[name, *["1234567890"] * 6]]))

    assert [line.partition("123")[0].strip() for line in lines[4:]] == parts


def test_what_does_not_fit_goes_on_below() -> None:
    """With the first column again; no figure is cut, and none is lost."""
    figures = [f"{i}234567890 to {i}" for i in range(6)]
    lines = printed(grid("t", WIDE, [["name", *figures]]), 60)

    assert max(map(len, lines)) <= 60
    assert sum(line.startswith("name ") for line in lines) == 2 * 2
    assert all(figure in "\n".join(lines) for figure in figures)


@pytest.mark.parametrize("of", [stage_grid, layer_grid])
def test_a_network_fits(of: Callable[[str, Table, Convention], Grid]) -> None:
    """By stage and by layer, with every figure on the line of its name."""
    model = zoo.find("shufflenet_v1_x1_0_g3")
    table = layer_table(model.spec, model.input)

    assert max(map(len, printed(of("t", table, find_convention("paper"))))) <= 80


def test_rows_of_a_table_in_parts_are_told_apart_in_each() -> None:
    """By engine and model, where one alone is there twice."""
    names = [(engine, model) for engine in ("eager", "ncnn") for model in ("a", "b")]
    columns = [Column("engine", figures=False), Column("model", figures=False)]
    columns += [Column(f"figure {i}") for i in range(12)]
    rows = [[*name, *(f"{i:>12}" for i in range(12))] for name in names]
    lines = printed(grid("t", columns, rows), 60)

    parts = sum(line.startswith("engine") for line in lines)
    assert parts > 1
    for engine, model in names:
        told = [line for line in lines if line.split()[:2] == [engine, model]]
        assert len(told) == parts
