"""Every published cell has the verdict on record; the figures that matter most, in full."""

from __future__ import annotations

from collections import Counter

import pytest

from shufflenet_flops.errors import DataError
from shufflenet_flops.paper import (
    CellResult,
    CellVerdict,
    load_table,
    parse_table,
    reproduce,
    table_names,
)
from tests.paper.test_published import GOOD


def cells(name: str, column: str) -> list[CellResult]:
    return [cell for cell in reproduce(load_table(name)) if cell.column == column]


def row(name: str, wanted: str) -> list[CellResult]:
    return [cell for cell in reproduce(load_table(name)) if cell.row == wanted]


@pytest.mark.parametrize("name", table_names())
def test_every_verdict_is_the_one_on_record(name: str) -> None:
    """A cell that moves to another verdict fails here, with the figure that moved it."""
    moved = [cell for cell in reproduce(load_table(name)) if not cell.as_recorded]

    assert moved == []


@pytest.mark.parametrize("recorded", ["near", "unexplained"])
def test_a_wrong_record_is_seen(recorded: str) -> None:
    """The check above can fail."""
    text = GOOD.replace('verdict = "exact"', f'verdict = "{recorded}"\nnote = "a guess"')
    (computed, *_) = reproduce(parse_table("t", text))

    assert computed.verdict is CellVerdict.EXACT
    assert not computed.as_recorded


@pytest.mark.parametrize("name", table_names())
def test_every_cell_that_differs_says_why(name: str) -> None:
    for cell in reproduce(load_table(name)):
        if cell.verdict in (CellVerdict.NEAR, CellVerdict.UNEXPLAINED):
            assert cell.note


def test_counts_over_all_tables() -> None:
    counts = Counter(cell.verdict for name in table_names() for cell in reproduce(load_table(name)))

    assert counts == {
        CellVerdict.EXACT: 1526,
        CellVerdict.NEAR: 162,
        CellVerdict.UNEXPLAINED: 49,
        CellVerdict.QUOTED: 1537,
    }


def test_the_peak_of_mobilenet_v2_on_a_microcontroller() -> None:
    """16 channels in and 96 out on 112x112, a byte each; not in place, 96 there and on 56x56."""
    (cell, _) = reproduce(load_table("mcunet_v2_figure_1"))

    assert cell.computed == (16 + 96) * 112 * 112 == 1372 * 1024
    assert cell.convention == "arena, depthwise in place"
    assert [other.computed for other in cell.alternatives] == [96 * (112 * 112 + 56 * 56)]


def test_mobilenet_v2_prints_a_width_at_the_size_of_its_block_s_input() -> None:
    """32 channels are given on 28x28, and printed on 56x56."""
    cells = {
        (cell.row, cell.column): cell for cell in reproduce(load_table("mobilenet_v2_table_3"))
    }
    cell = cells["56x56", "MobileNetV2, Kb"]

    assert (cell.computed, cell.verdict) == (2 * 32 * 56 * 56, CellVerdict.EXACT)
    assert [other.computed for other in cell.alternatives] == [2 * 32 * 28 * 28]


def test_table_1_is_reproduced_without_the_fc_layer() -> None:
    """5 of 5 under `paper-conv`; with the fc layer only 2 of 5 round to what is printed."""
    complexity = row("shufflenet_v1_table_1", "Complexity")

    assert [cell.computed for cell in complexity] == [
        142_502_976,
        140_036_512,
        136_500_672,
        133_251_776,
        136_829_952,
    ]
    assert {cell.convention for cell in complexity} == {"paper-conv"}
    assert [cell.match for cell in complexity] == ["rounded"] * 5
    (with_fc,) = zip(*(cell.alternatives for cell in complexity), strict=True)
    assert {other.convention for other in with_fc} == {"paper"}
    assert [other.match for other in with_fc] == ["rounded", "truncated", "rounded", "", ""]


def test_table_5_is_reproduced_with_the_fc_layer() -> None:
    found = {cell.printed: cell for cell in cells("shufflenet_v1_table_5", "MFLOPs")}

    for printed in ("524", "292", "569", "325", "41"):
        assert found[printed].verdict is CellVerdict.EXACT
        assert found[printed].convention == "paper"
    assert found["40"].verdict is CellVerdict.UNEXPLAINED
    assert found["40"].computed == 21_584_496


def test_the_release_is_reproduced_but_for_one_figure() -> None:
    verdicts = {
        cell.row: (cell.printed, cell.verdict) for cell in cells("shufflenet_v1_release", "FLOPs")
    }
    odd = verdicts.pop("ShuffleNetV1 1.0x (group=3)")

    assert odd == ("138M", CellVerdict.NEAR)
    assert len(verdicts) == 7
    assert {verdict for _, verdict in verdicts.values()} == {CellVerdict.EXACT}


def test_resnet_strides_in_the_1x1() -> None:
    found = row("resnet_table_1", "FLOPs")

    assert [cell.computed for cell in found] == [
        1_794_805_760,
        3_644_493_824,
        3_857_973_248,
        7_570_194_432,
        11_282_415_616,
    ]
    assert [cell.alternatives[0].computed for cell in found[2:]] == [
        4_089_184_256,
        7_801_405_440,
        11_513_626_624,
    ]


def test_resnext_table_2() -> None:
    """All five columns, by equation 4 and on 56x56."""
    params = [cell.computed for cell in row("resnext_table_2", "caption: # params.")]
    macs = [cell.computed for cell in row("resnext_table_2", "caption: FLOPs")]

    assert params == [69_632, 69_760, 69_888, 71_456, 70_144]
    assert macs == [56 * 56 * weights for weights in params]  # type: ignore[operator]


def test_mobilenet_rows_are_within_a_million() -> None:
    for number in (6, 7):
        for cell in cells(f"mobilenet_v1_table_{number}", "Mult-Adds"):
            assert abs(float(cell.computed or 0) - 1e6 * float(cell.printed)) < 1e6


def test_mobilenet_shares_but_for_the_misprint() -> None:
    found = reproduce(load_table("mobilenet_v1_table_2"))
    verdicts = {(cell.row, cell.column): cell.verdict for cell in found}
    odd = verdicts.pop(("Conv 3x3", "Mult-Adds"))

    assert odd is CellVerdict.UNEXPLAINED
    assert set(verdicts.values()) == {CellVerdict.EXACT}


def test_a_model_that_cannot_be_built_is_named_with_its_cell() -> None:
    text = GOOD.replace("resnet50", "shufflenet_v1@g=4,scale=0.5")

    with pytest.raises(DataError, match=r"t.toml:21: ours, FLOPs: scale=0.5 gives stage 2 136"):
        reproduce(parse_table("t", text))


def test_a_path_that_is_not_there_is_named_with_its_cell() -> None:
    text = GOOD.replace('model = "resnet50"', 'model = "resnet50"\nat = "stage9"')

    with pytest.raises(DataError, match="ours, FLOPs: at='stage9': the network has no such module"):
        reproduce(parse_table("t", text))
