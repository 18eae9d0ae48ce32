"""The blocks of ShuffleNet V2's guidelines: what is equal and what is not (section 2)."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.counting.table import Table
from shufflenet_flops.errors import SpecError
from tests.trace.test_agreement import check_agreement


def table(name: str) -> Table:
    model = zoo.find(name)
    return layer_table(model.spec, model.input)


@pytest.mark.parametrize(
    "name",
    [
        "guideline_1@c=13,n=78",
        "guideline_2@c=180,g=2,h=14,w=7",
        "guideline_3@c=32,fragments=4",
        "guideline_3@c=32,fragments=4,order=parallel",
        "guideline_3@order=parallel",
        "guideline_4@c=32",
        "guideline_4@c=32,relu=false,shortcut=false,blocks=1",
    ],
)
def test_it_is_what_is_built(name: str) -> None:
    model = zoo.find(name)

    check_agreement(model.spec, model.input)


def test_equal_channels_access_least_memory() -> None:
    """G1: at the MACs of Table 1, which are equal within 6 %, access grows with the ratio."""
    tables = [
        table(f"guideline_1@c={c},n={n}") for c, n in ((128, 128), (90, 180), (52, 312), (36, 432))
    ]
    access = [found.memory_bytes for found in tables]

    assert [found.macs for found in tables] == [
        20 * 56 * 56 * pair for pair in (16384, 16200, 16224, 15552)
    ]
    assert access == sorted(access)
    assert access[0] == 4 * 20 * (56 * 56 * 256 + 128 * 128)


def test_groups_access_more_memory() -> None:
    """G2: Table 2's widths keep the MACs within 2 %, and memory access grows with g."""
    tables = [
        table(f"guideline_2@c={c},g={g}") for c, g in ((128, 1), (180, 2), (256, 4), (360, 8))
    ]

    assert [found.macs for found in tables] == [
        10 * 56 * 56 * work for work in (16384, 16200, 16384, 16200)
    ]
    assert [found.memory_bytes for found in tables] == [
        4 * 10 * (2 * 56 * 56 * c + c * c // g) for c, g in ((128, 1), (180, 2), (256, 4), (360, 8))
    ]


@pytest.mark.parametrize("order", ["series", "parallel"])
def test_fragments_cost_the_same_with_fewer_channels(order: str) -> None:
    """G3: four fragments of half the channels; in parallel each block adds up three times."""
    whole, parts = table("guideline_3"), table(f"guideline_3@c=64,fragments=4,order={order}")

    assert parts.macs == whole.macs
    assert len(parts.rows) == 10 * (7 if order == "parallel" else 4)
    assert parts.memory_bytes > 1.9 * whole.memory_bytes


def test_elementwise_ops_have_no_macs_and_access_memory() -> None:
    """G4: three ReLUs, of c/4, c/4 and c channels, and an addition."""
    size = 56 * 56 * 32
    without = table("guideline_4@c=32,relu=false,shortcut=false")

    for options, elements in (("relu=false", 3 * size), ("shortcut=false", 3 * size)):
        more = table(f"guideline_4@c=32,{options}")
        assert more.macs == without.macs
        assert more.memory_bytes - without.memory_bytes == 4 * 10 * elements


def test_a_bottleneck_is_a_quarter() -> None:
    with pytest.raises(SpecError, match="c=30 must be divisible by the bottleneck's ratio=4"):
        zoo.find("guideline_4@c=30")


def test_at_least_one_block() -> None:
    with pytest.raises(SpecError, match="blocks=0 is too small: it must be at least 1"):
        zoo.find("guideline_1@blocks=0")
