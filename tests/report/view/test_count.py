"""The units of a layer table: millions, or less where the network is tiny."""

from __future__ import annotations

import pytest

from shufflenet_flops.counting import CONVENTIONS
from shufflenet_flops.report.grid import scale_within
from shufflenet_flops.report.view.count import count_grids, count_result
from shufflenet_flops.sources import Input, Options, resolve


def test_a_normal_network_is_in_millions() -> None:
    """As it is in all published tables."""
    convention = CONVENTIONS["paper"]
    result = count_result(resolve("resnet18", Options()), convention)
    (grid, _) = count_grids(result, convention, "stage")

    headings = [column.heading for column in grid.columns]
    assert headings[1] == "MMAC"
    assert headings[5:7] == ["activations\nk", "memory\nMB"]
    assert grid.rows[-1][1].text == "1,814.073"


@pytest.mark.parametrize(
    ("prefix", "digits", "largest", "shown"),
    [
        ("M", 3, 1_814_073_344, "1,814.073 M"),
        ("M", 3, 1_000_000, "1.000 M"),
        ("M", 3, 999_999, "999.999 k"),
        ("M", 2, 1_234, "1.23 k"),
        ("M", 3, 648, "648 "),
        ("k", 1, 72, "72 "),
        ("k", 1, 0, "0.0 k"),
    ],
)
def test_the_largest_figure_is_never_below_one(
    prefix: str, digits: int, largest: int, shown: str
) -> None:
    """Where there is anything at all."""
    scale = scale_within(prefix, digits, largest)

    assert f"{scale(largest)} {scale.prefix}" == shown


def test_a_tiny_network() -> None:
    """A linear layer of fifty MACs shows fifty of them, in every grouping."""
    options = Options((Input((1, 10)),), {"in_features": 10, "out_features": 5})
    convention = CONVENTIONS["paper"]
    result = count_result(resolve("torch.nn:Linear", options), convention)
    (layers,) = count_grids(result, convention, "layer")
    (kinds,) = count_grids(result, convention, "kind")

    assert (layers.columns[3].heading, layers.rows[0][3].text) == ("MAC", "50")
    assert [column.heading for column in kinds.columns][5:] == ["activations", "memory\nB"]
    assert [cell.text for cell in kinds.rows[-1]][5:] == ["5", "280"]
    assert "; 280 B of memory access" in kinds.notes[1]
