"""Limits are read exactly, and figures never look equal when they are not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.budget.quantity import (
    COUNTED,
    Limit,
    ceiling_for,
    difference,
    figure,
    figures,
    parse_limit,
)
from shufflenet_flops.errors import InputError
from tests.budget_documents import limits_of


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [
        ("macs", "140 M", 140_000_000),
        ("macs", "140M", 140_000_000),
        ("macs", 1_900_000, 1_900_000),
        ("macs", "1.000001 G", 1_000_001_000),
        ("params", "25_557_032", 25_557_032),
        ("memory", "100 MB", 100_000_000),
        ("memory", "1.5 MiB", 1_572_864),
        ("memory", "12 B", 12),
        ("latency", "12 ms", Decimal("0.012")),
    ],
)
def test_limits(metric: str, text: str | int, value: int | Decimal) -> None:
    """Prefixes are of a thousand, and bytes have those of 1024 too."""
    assert parse_limit(metric, text) == Limit(metric, value)


def test_relative_latency() -> None:
    """A number, an x, a model."""
    assert parse_limit("latency", "0.4 x resnet18") == Limit("latency", Decimal("0.4"), "resnet18")


@pytest.mark.parametrize(
    ("metric", "value", "message"),
    [
        ("macs", "140 m", "unknown unit 'm'"),
        ("macs", "140 MB", "unknown unit 'MB'"),
        ("macs", "1,4 M", 'write a whole number such as 1_900_000, or text such as "140 M"'),
        ("macs", 1.4e8, "140000000.0 is no limit"),
        ("macs", True, "True is no limit"),
        ("macs", 0, "must be more than 0"),
        ("macs", -3, "must be more than 0"),
        ("macs", "0.0001 k", "is 0.1, not a whole number"),
        ("macs", 10**30, "must be more than 0 and less than 1e+18"),
        pytest.param("macs", 16**5000, "a number too long to write", id="long"),
        ("macs", None, "None is no limit"),
        ("latency", "12", "has no unit"),
        ("latency", 12, 'write text such as "12 ms"'),
        ("latency", "0 x resnet18", "must be more than 0"),
        ("latency", "0.4 x", "unknown unit 'x'"),
        ("memory", "1 mb", "unknown unit 'mb': known: k, M, G"),
    ],
)
def test_what_is_no_limit(metric: str, value: object, message: str) -> None:
    """One line that names the value and what would work."""
    with pytest.raises(InputError) as caught:
        parse_limit(metric, value)

    assert message in str(caught.value)


@given(st.one_of(*limits_of.values()))
def test_limits_print_back(limit: Limit) -> None:
    """What is shown can be written."""
    assert parse_limit(limit.metric, str(limit)) == limit


counts = st.integers(0, 10**13)


@given(st.sampled_from(COUNTED), counts, counts)
def test_different_figures_look_different(metric: str, first: int, second: int) -> None:
    """Rounding never hides which is larger."""
    texts = figures(metric, first, second)
    assert (texts[0] == texts[1]) == (first == second)


def test_full_digits_where_rounding_ties() -> None:
    """One multiply-accumulate over."""
    assert figures("macs", 140_000_001, 140_000_000) == ("140,000,001 MAC", "140,000,000 MAC")
    assert figures("macs", 152_300_000, 140_000_000) == ("152.3 MMAC", "140.0 MMAC")
    assert figures("macs", 3_350_976, 3_420_000) == ("3.35 MMAC", "3.42 MMAC")
    assert figure("memory", 104_586_240) == "104.6 MB"


def test_differences() -> None:
    """With a share, unless it would be shown as nothing."""
    assert difference("macs", 152_300_000, 140_000_000) == "+12.3 MMAC (+8.8 %)"
    assert difference("params", 90, 100) == "−10 (−10.0 %)"
    assert difference("macs", 140_000_001, 140_000_000) == "+1 MAC"


@given(st.integers(1, 10**13))
def test_the_limit_that_can_drop_is_kept_to(value: int) -> None:
    """And is no more than 1 % above."""
    assert value <= ceiling_for(value) <= value * 1.01 + 1
