"""Published parameters and known multiply-accumulates, and golden integers for every network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from tests.support.zoo_names import QUICK

GOLDEN = Path(__file__).parents[1] / "golden" / "networks.json"


def count(name: str) -> tuple[int, int]:
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)
    return table.macs, table.params


@pytest.mark.parametrize(
    ("g", "macs", "params"),
    [
        (1, 143_078_976, 1_531_936),
        (2, 140_836_512, 1_733_848),
        (3, 137_460_672, 1_865_728),
        (4, 134_339_776, 1_968_344),
        (8, 138_365_952, 2_434_768),
    ],
)
def test_shufflenet_v1(g: int, macs: int, params: int) -> None:
    """ShuffleNet V1 1x, conv + fc."""
    assert count(f"shufflenet_v1_x1_0_g{g}") == (macs, params)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("shufflenet_v1@layout=article", 1_877_920),
        ("shufflenet_v1@layout=article,g=1", 1_539_232),
        ("shufflenet_v1@layout=article,g=1,slip=true", 1_508_965),
        ("shufflenet_v1@layout=official", 1_864_728),
        ("shufflenet_v1@layout=official,g=8", 2_433_768),
        ("shufflenet_v1@layout=official,g=8,scale=0.5", 1_010_448),
    ],
)
def test_shufflenet_v1_layouts(name: str, params: int) -> None:
    """The article's port, with and without its slip, and the authors' release."""
    assert count(name)[1] == params


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("resnext50_32x4d", 25_028_904),
        ("resnext101_32x8d", 88_791_336),
        ("resnext101_64x4d", 83_455_272),
    ],
)
def test_params_that_torchvision_publishes(name: str, params: int) -> None:
    """Parameters of torchvision's models of the same names."""
    assert count(name)[1] == params


@pytest.mark.parametrize(
    ("name", "stages", "stem"),
    [
        ("shufflenet_v1_x0_5_g3", (120, 240, 480), 12),
        ("shufflenet_v1_x1_5_g3", (360, 720, 1440), 24),
        ("shufflenet_v1_x2_0_g3", (480, 960, 1920), 48),
        ("shufflenet_v1_x0_5_g8", (192, 384, 768), 16),
        ("shufflenet_v1_x2_0_g8", (768, 1536, 3072), 48),
        ("shufflenet_v1_x0_5_g4", (144, 272, 544), 12),
    ],
)
def test_widths(name: str, stages: tuple[int, ...], stem: int) -> None:
    """Widths as published, and rounded up where Table 1 scaled is no multiple of 4g."""
    model = zoo.find(name)
    rows = {row.path: row for row in layer_table(model.spec, model.input).rows}

    assert rows["conv1.conv"].output[1] == stem
    assert tuple(rows[f"stage{i}.1"].output[1] for i in (2, 3, 4)) == stages


def test_first_pointwise_of_stage_2_is_not_grouped() -> None:
    """Section 3.3: its input channels are few."""
    model = zoo.find("shufflenet_v1_x1_0_g3")
    rows = {row.path: row for row in layer_table(model.spec, model.input).rows}

    assert rows["stage2.0.branch.pw1"].groups == 1
    assert rows["stage2.0.branch.pw2"].groups == 3
    assert rows["stage2.1.branch.pw1"].groups == 3
    assert rows["stage2.0.branch.pw1"].output[2:] == (56, 56)  # the stride is on the depthwise


def test_shuffle_off_saves_memory_traffic_alone() -> None:
    """A shuffle adds no multiply-accumulate, and moves bytes."""
    mixed, plain = (
        layer_table(model.spec, model.input)
        for model in map(zoo.find, ("shufflenet_v1", "shufflenet_v1@shuffle=false"))
    )

    assert mixed.macs == plain.macs
    assert mixed.params == plain.params
    assert mixed.memory_bytes > plain.memory_bytes


def test_golden(update_golden: bool) -> None:
    """Full integers of every network, so that any change is seen and meant."""
    found = {}
    for name in zoo.names():
        model = zoo.find(name)
        table = layer_table(model.spec, model.input)
        found[name] = {
            "macs": table.macs,
            "params": table.params,
            "activations": table.activations,
            "memory_bytes": table.memory_bytes,
            **{op_class.value: amount for op_class, amount in sorted(table.counts.items())},
        }
    if update_golden:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(GOLDEN.read_text())


def test_a_network_of_each_family_is_tested_at_once() -> None:
    """And each that is meant to be is there."""
    assert {zoo.find(name).family for name in QUICK} == {
        zoo.find(name).family for name in zoo.names()
    }
