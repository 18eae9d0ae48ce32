"""The atlas: networks with what was published of them, and how far papers are apart."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.paper import CellResult, load_table, reproduce
from shufflenet_flops.paper.atlas import AtlasEntry, atlas, spreads
from shufflenet_flops.paper.standing import identity, subjects

TABLES = (
    *("mobilenet_v1_table_9", "shufflenet_v1_table_6", "squeezenet_release", "squeezenet_table_1"),
    *("mobilenet_v2_table_4", "mobilenet_v2_release", "torchvision_models"),
)


@pytest.fixture(scope="module")
def cells() -> list[CellResult]:
    return [cell for name in TABLES for cell in reproduce(load_table(name))]


@pytest.fixture(scope="module")
def entries(cells: list[CellResult]) -> dict[str, AtlasEntry]:
    return {entry.name: entry for entry in atlas(cells)}


def test_every_network_is_there_as_it_is_counted(entries: dict[str, AtlasEntry]) -> None:
    assert list(entries) == zoo.names()
    for name, entry in entries.items():
        model = zoo.find(name)
        table = layer_table(model.spec, model.input)

        assert (entry.macs, entry.params) == (table.macs, table.params)
        assert sum(entry.shares.values()) == entry.macs
        assert 2 * entry.macs < entry.training_macs < 3 * entry.macs
        assert bool(entry.formula) == ("rounding" not in model.options)


def test_a_network_has_its_figures_whatever_table_calls_it(entries: dict[str, AtlasEntry]) -> None:
    """MobileNetV2 (1.4): two papers' names, and accuracy, time and cost of their rows."""
    figures = {
        (figure.paper, figure.cell.column): figure.cell.printed
        for figure in entries["mobilenet_v2_x1_4"].published
    }

    assert figures["MobileNet V2", "MAdds"] == "585M"
    assert figures["MobileNet V2", "CPU"] == "143"
    assert figures["MobileNet V2, official release", "MACs (M)"] == "582"
    assert entries["mobilenet_v2_x1_4"].accuracy == 74.7


def test_accuracy_is_on_the_networks_own_image(entries: dict[str, AtlasEntry]) -> None:
    """ViT-B/16 is 85.3 % at 384 pixels, and 81.1 % at 224."""
    assert entries["vit_b_16"].accuracy == 81.072


def test_a_layer_is_no_cost_of_the_network(entries: dict[str, AtlasEntry]) -> None:
    figures = entries["squeezenet1_0"].published
    of_layers = [figure for figure in figures if figure.table == "Table 1"]

    assert len(of_layers) == 11
    assert {figure.cost_on for figure in of_layers} == {None}


def test_spread_of_squeezenet(entries: dict[str, AtlasEntry]) -> None:
    """833 M in ShuffleNet, 1700 M in MobileNet, 1.72 G in its release, all at 227 pixels."""
    (spread,) = [
        spread
        for spread in spreads(entries.values())
        if spread.network == "squeezenet1_0" and spread.input == (1, 3, 227, 227)
    ]

    assert (spread.lowest, spread.lowest_by) == (833e6, "ShuffleNet V1")
    assert (spread.highest, spread.highest_by) == (1720e6, "SqueezeNet, official release")
    assert spread.papers == 3
    assert spread.ratio == 1720 / 833


def test_what_one_paper_prints_twice_is_no_spread(entries: dict[str, AtlasEntry]) -> None:
    alone = [figure for figure in entries["resnet50"].published if figure.cost_on]

    assert len(alone) == 2  # two weights of torchvision
    assert "resnet50" not in {spread.network for spread in spreads(entries.values())}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("resnet50", "resnet@depth=50,stride_in=1x1", True),
        ("mobilenet_v1@resolution=128", "mobilenet_v1_x1_0", True),
        ("mobilenet_v1@alpha=0.5", "mobilenet_v1_x0_5", True),
        ("mobilenet_v1@alpha=0.5", "mobilenet_v1_x1_0", False),
        ("se_resnet50", "resnet50", False),
        ("efficientnet_lite0", "efficientnet_b0", False),
    ],
)
def test_identity(one: str, other: str, same: bool) -> None:
    assert (identity(one) == identity(other)) is same


def test_what_is_quoted_belongs_to_the_network_of_its_row() -> None:
    """In a table with a network to a column, a row is about none of them."""
    table = load_table("mobilenet_v2_table_4")
    about = {(cell.row, cell.column): network for cell, network in subjects(table)}

    assert about["MobileNetV2", "CPU"] == identity("mobilenet_v2")
    assert ("NasNet-A", "CPU") not in about
    columns = load_table("shufflenet_v1_table_1")
    assert ("Stage2", "KSize") not in {(cell.row, cell.column) for cell, _ in subjects(columns)}
