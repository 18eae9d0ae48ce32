"""Limits: an amount of a metric, or a share of a reference's time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.budget.limit import Limit, ceiling_for, parse_limit
from shufflenet_flops.errors import InputError
from tests.budget_documents import limits_of


def test_limits() -> None:
    """In any writing of an amount."""
    assert (
        parse_limit("macs", "140 MMAC") == parse_limit("macs", 1.4e8) == Limit("macs", 140_000_000)
    )
    assert parse_limit("latency", "12 ms") == Limit("latency", Decimal("0.012"))


def test_relative_latency() -> None:
    """A number, an x, a model."""
    assert parse_limit("latency", "0.4 x resnet18") == Limit("latency", Decimal("0.4"), "resnet18")


@pytest.mark.parametrize(
    ("metric", "value", "message"),
    [
        ("macs", "140 MFLOP", "FLOP is no unit of macs"),
        ("latency", "0 x resnet18", "must be more than 0"),
        ("latency", "0.4 x", "unknown unit 'x'"),
        ("latency", "12", '"0.4 x resnet18" for a share of a reference\'s time'),
        ("macs", "0.4 x resnet18", "is not an amount"),
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


@given(st.integers(1, 10**13))
def test_the_limit_that_can_drop_is_kept_to(value: int) -> None:
    """And is no more than 1 % above."""
    assert value <= ceiling_for(value) <= value * 1.01 + 1
