"""The later networks of ShuffleNet V2's authors: V2+, OneShot and DetNAS, Large and ExLarge."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.spec import ReLU
from shufflenet_flops.zoo.shufflenet_v2_searched import NETWORKS, unit


@pytest.mark.parametrize(
    ("name", "mmacs", "mparams"),
    [
        ("shufflenet_v2_plus_large", 360, 6.8),
        ("shufflenet_v2_plus_medium", 222, 5.7),
        ("shufflenet_v2_plus_small", 156, 5.1),
        ("shufflenet_v2_oneshot", 328, 3.4),
        ("shufflenet_v2_detnas_medium", 1318, 10.4),
        ("shufflenet_v2_exlarge", 46_175, 255.4),
    ],
)
def test_published_figures(name: str, mmacs: int, mparams: float) -> None:
    """360M 6.7M, 222M 5.6M, 156M 5.1M, 328M 3.4M, 1.3G 10.4M, 46.2G, cut or rounded."""
    model = zoo.find(name)
    table = layer_table(model.spec, model.input)

    assert (round(table.macs / 1e6), round(table.params / 1e6, 1)) == (mmacs, mparams)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_block_and_a_width_for_each_unit(name: str) -> None:
    chosen = NETWORKS[name]

    assert len(chosen.blocks) == sum(chosen.repeats)
    assert len(chosen.widths) in (0, len(chosen.blocks))


@pytest.mark.parametrize(
    ("kind", "stride", "macs"),
    [
        # 1x1 of 32 to 24 channels, depthwise 5x5, 1x1 to 32.
        ("5", 1, 64 * (32 * 24 + 24 * 25 + 24 * 32)),
        # Depthwise 3x3 of 32, 24 and 24 channels, each before a 1x1.
        ("x", 1, 64 * (32 * 9 + 32 * 24 + 24 * 9 + 24 * 24 + 24 * 9 + 24 * 32)),
        # All 64 channels: the shortcut's depthwise and 1x1, and a branch to the other 32.
        ("7", 2, 64 * 64 * 24 + 16 * (24 * 49 + 24 * 32 + 64 * 49 + 64 * 64)),
    ],
)
def test_a_unit_by_hand(kind: str, stride: int, macs: int) -> None:
    c_out = 64 if stride == 1 else 96
    node = unit(kind, 64, c_out, stride, m=24, act=ReLU, se=False)

    assert layer_table(node, (1, 64, 8, 8)).macs == macs


def test_a_gate_by_hand() -> None:
    """32 channels to 8 and back, no biases; the norm of 8 has two parameters each."""
    tables = [
        layer_table(unit("3", 64, 64, 1, m=32, act=ReLU, se=se), (1, 64, 8, 8))
        for se in (False, True)
    ]

    assert tables[1].params - tables[0].params == 2 * 32 * 8 + 2 * 8
    assert tables[1].macs - tables[0].macs == 2 * 32 * 8


def test_large_with_the_classifiers_of_training() -> None:
    """The release's 140.7M: after three stages a 1x1, a 3x3 and a fully connected layer each."""
    model = zoo.find("shufflenet_v2_large")
    table = layer_table(model.spec, model.input)
    helpers = sum(c * c * 10 + 4 * c + c * 1000 + 1000 for c in (256, 512, 1024))

    assert table.params == 125_120_936
    assert round((table.params + helpers) / 1e6, 1) == 140.7
