"""Tables of layers: sorted, cut short, with a total, and whole at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import shufflenet_flops as sf
from shufflenet_flops.counting import CONVENTIONS, Table
from shufflenet_flops.report.format.text import grids_as_text, print_grids
from shufflenet_flops.report.grid import Grid
from shufflenet_flops.report.view.lines import LayerView, group_grid, layer_grid

PAPER = CONVENTIONS["paper"]


def table_of(name: str) -> Table:
    return sf.count(name).table


def printed(one: Grid, width: int) -> list[str]:
    stream = io.StringIO()
    print_grids(Console(file=stream, width=width), [one])
    return stream.getvalue().splitlines()


def column(one: Grid, heading: str) -> list[str]:
    (place,) = [i for i, known in enumerate(one.columns) if known.heading == heading]
    return [row[place].text for row in one.rows]


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("name", ["shufflenet_v1_x1_0_g3", "resnet152", "shufflenet_v2_x2_0"])
def test_every_layer_is_one_line_of_one_table(name: str, width: int) -> None:
    """No name is wrapped, none is lost but for its middle, and no figure is cut."""
    one = layer_grid("t", table_of(name), PAPER)
    lines = printed(one, width)

    assert max(map(len, lines)) <= width
    assert len(lines) == 3 + len(one.rows)
    for line, row in zip(lines[3:], one.rows, strict=True):
        start, _, end = line[: line.find("  ") if "…" not in line else None].partition("…")
        assert row[0].text.startswith(start.split(" ")[0])
        assert row[0].text.endswith(end.split(" ")[0]) or not end
        assert all(cell.text in line for cell in row[3:])


def test_a_pipe_has_names_in_full() -> None:
    one = layer_grid("t", table_of("resnet152"), PAPER)
    text = grids_as_text([one])

    assert "…" not in text
    assert all(row[0].text in text for row in one.rows)


def test_the_most_first_and_the_others_as_one() -> None:
    """Nothing is lost: what is shown, the others and the zeros add up to the total."""
    table = table_of("resnet18")
    one = layer_grid("t", table, PAPER, LayerView(sort="params", top=4))
    params = [int(text.replace(",", "").replace("–", "0")) for text in column(one, "params")]

    assert params[:4] == sorted((row.params for row in table.rows), reverse=True)[:4]
    assert [row[0].text for row in one.rows[4:]] == ["37 others", "27 zero layers", "total"]
    assert sum(params[:-1]) == params[-1] == table.params
    assert column(one, "share")[-1] == "100.0 %"


def test_zeros_are_folded_unless_asked_for() -> None:
    table = table_of("resnet18")
    folded = layer_grid("t", table, PAPER)
    whole = layer_grid("t", table, PAPER, LayerView(zeros=True))

    assert len(whole.rows) == len(table.rows) + 1
    assert len(folded.rows) == len(whole.rows) - 27 + 1
    assert folded.rows[-2][0].text == "27 zero layers"


@pytest.mark.parametrize("sort", ["memory", "activations"])
def test_what_rows_are_sorted_by_is_shown(sort: str) -> None:
    """In place of the parameters, and no layer that has some of it is folded."""
    table = table_of("resnet18")
    one = layer_grid("t", table, PAPER, LayerView(sort=sort, top=4))
    headings = [column.heading.split("\n")[0] for column in one.columns]

    assert headings == ["layer", "kind", "output", "MMAC", "share", sort]
    values = [row[-1].value or 0 for row in one.rows]
    assert values[:4] == sorted(values[:4], reverse=True)
    assert sum(values[:-1]) == values[-1]
    folded = [value for row, value in zip(one.rows, values, strict=True) if "zero" in row[0].text]
    assert not any(folded)


def test_columns_as_chosen_and_one_called_share() -> None:
    table = table_of("resnet18")
    chosen = layer_grid("t", table, PAPER, LayerView(columns=("groups", "memory"), unit="G"))
    kinds = group_grid("t", "kind", table.by("kind"), table, PAPER)

    assert [one.heading for one in chosen.columns] == ["layer", "groups", "memory\nMB"]
    assert [one.heading for one in kinds.columns].count("share") == 1
    giga = layer_grid("t", table, PAPER, LayerView(unit="G"))
    assert column(giga, "GMAC")[-1] == "1.8141"
    assert column(layer_grid("t", table, PAPER, LayerView(unit="auto")), "GMAC")[-1] == "1.8141"
    small = table_of("shufflenet_unit")
    assert column(layer_grid("t", small, PAPER, LayerView(unit="auto")), "MMAC")[-1] == "7.950"
