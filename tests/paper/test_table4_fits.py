"""What fits the budgets of ShuffleNet V1's Table 4, and which reading gives what was published."""

from __future__ import annotations

import pytest

from shufflenet_flops.paper.table4_fits import PUBLISHED, readings, rows


def test_continuous_fits_and_the_valid_widths_around_them() -> None:
    found = {row.structure: row for row in rows(12) if row.published is not None}

    assert {name: round(row.continuous) for name, row in found.items()} == {
        "vgg": 50,
        "resnet": 192,
        "xception": 286,
        "resnext": 183,
        "shufflenet": 553,
    }
    assert {
        name: (row.fit.best.channels, row.fit.next_wider.channels) for name, row in found.items()
    } == {
        "vgg": (48, 52),
        "resnet": (176, 192),
        "xception": (272, 288),
        "resnext": (128, 256),
        "shufflenet": (512, 576),
    }


@pytest.mark.parametrize("stem", [12, 24])
def test_the_continuous_width_lies_between_the_valid_ones(stem: int) -> None:
    """At 13 MFLOPs no ResNeXt fits, nor, with 24 channels in conv1, the Xception-like one."""
    found = rows(stem)

    assert [row.structure for row in found if row.fit is None] == {
        12: ["resnext"],
        24: ["xception", "resnext"],
    }[stem]
    for row in found:
        assert (
            row.fit is None
            or row.continuous is None
            or row.fit.best.channels <= row.continuous <= row.fit.next_wider.channels
        )


def test_one_reading_gives_four_of_the_five_published_widths_and_none_the_fifth() -> None:
    """12 channels in conv1, convolutions alone, widths rounded down."""
    found = {(one.stem, one.fc, one.rounding): one for one in readings()}
    best = found[12, False, "down"]

    assert [best.reproduces(structure) for structure in PUBLISHED] == [True] * 4 + [False]
    assert not any(one.reproduces("shufflenet") for one in found.values())
    assert best.macs["shufflenet"] == 40_134_528
    assert found[12, True, "up"].macs["resnext"] == 44_484_864


def test_a_conv1_that_takes_the_whole_budget_leaves_no_width() -> None:
    assert all(row.continuous is row.fit is None for row in rows(1000))
    assert any(row.continuous is None for row in rows(100))
    assert any(row.continuous is not None for row in rows(100))
