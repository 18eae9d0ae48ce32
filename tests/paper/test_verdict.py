"""The rule of the verdicts, at its edges."""

from __future__ import annotations

from fractions import Fraction

import pytest

from shufflenet_flops.paper import CellVerdict, judge
from shufflenet_flops.paper.verdict import UNITS, Value, as_printed, parse_figure


@pytest.mark.parametrize(
    ("printed", "unit", "value", "step"),
    [
        ("143M", "MAC", 143_000_000, 1_000_000),
        ("143", "MMAC", 143_000_000, 1_000_000),
        ("~4.1e9", "MAC", 4_100_000_000, 100_000_000),
        ("~70k", "params", 70_000, 1_000),
        ("2.7", "Kiparams", Fraction(27 * 1024, 10), Fraction(1024, 10)),
        ("94.86%", "%", Fraction(9486, 100), Fraction(1, 100)),
        ("~13x", "x", 13, 1),
        ("0.145", "GMAC", 145_000_000, 1_000_000),
    ],
)
def test_printed_figures(printed: str, unit: str, value: Value, step: Value) -> None:
    assert parse_figure(printed, UNITS[unit]) == (value, step)


@pytest.mark.parametrize("printed", ["", "M", "1.", "1,000", "-5", "~", "28x28", "1e", "12 ms"])
def test_what_is_no_figure(printed: str) -> None:
    assert parse_figure(printed, UNITS["MAC"]) is None


@pytest.mark.parametrize(
    ("printed", "unit", "computed", "verdict", "match"),
    [
        ("137M", "MAC", 136_500_672, CellVerdict.EXACT, "rounded"),
        ("137M", "MAC", 136_500_000, CellVerdict.EXACT, "rounded"),  # a half rounds up
        ("137M", "MAC", 136_499_999, CellVerdict.NEAR, ""),
        ("3.8e9", "MAC", 3_857_973_248, CellVerdict.EXACT, "truncated"),
        ("3.8e9", "MAC", 3_900_000_000, CellVerdict.NEAR, ""),
        ("1500", "MMAC", 1_502_000_000, CellVerdict.NEAR, ""),  # trailing zeros are digits
        ("100", "MMAC", 105_000_000, CellVerdict.NEAR, ""),
        ("100", "MMAC", 105_000_001, CellVerdict.UNEXPLAINED, ""),
        ("100", "MMAC", 95_000_000, CellVerdict.NEAR, ""),
        ("100", "MMAC", 94_999_999, CellVerdict.UNEXPLAINED, ""),
        ("3.06%", "%", Fraction(30566, 10_000), CellVerdict.EXACT, "rounded"),
        ("28x28", "text", "28x28", CellVerdict.EXACT, "same text"),
        ("28x28", "text", "14x14", CellVerdict.UNEXPLAINED, ""),
        ("2", "text", 2, CellVerdict.EXACT, "same text"),
    ],
)
def test_rule(printed: str, unit: str, computed: Value, verdict: CellVerdict, match: str) -> None:
    found = judge(printed, UNITS[unit], computed)

    assert (found.verdict, found.match) == (verdict, match)


def test_the_difference_is_relative_to_the_printed_figure() -> None:
    assert judge("140", UNITS["MMAC"], 138_365_952).difference == pytest.approx(-0.01167, abs=1e-5)


@pytest.mark.parametrize(
    ("printed", "unit", "computed", "shown"),
    [
        ("143M", "MAC", 142_502_976, "142.50"),
        ("3.8e9", "MAC", 3_857_973_248, "3.858"),
        ("61100840", "params", 61_100_840, "61100840"),
        ("93.4%", "%", Fraction(6553600, 70144), "93.431"),
        ("28x28", "text", "14x14", "14x14"),
    ],
)
def test_computed_figures_are_shown_two_digits_finer(
    printed: str, unit: str, computed: Value, shown: str
) -> None:
    assert as_printed(printed, UNITS[unit], computed) == shown
