"""Lists and ranges of values."""

from __future__ import annotations

import pytest

from shufflenet_flops.design.sweep.axes import parse_axis, parse_decimal_axis
from shufflenet_flops.errors import InputError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", [7]),
        ("1,2, 4", [1, 2, 4]),
        ("8,1", [1, 8]),
        ("64:128:32", [64, 96, 128]),
        ("64:127:32", [64, 96]),
        ("3:6", [3, 4, 5, 6]),
        ("1,8:16:4,100", [1, 8, 12, 16, 100]),
    ],
)
def test_values(text: str, values: list[int]) -> None:
    axis = parse_axis("c", text)

    assert list(axis) == values
    assert len(axis) == len(values)
    assert [axis[i] for i in range(len(axis))] == values


def test_a_range_is_not_written_out() -> None:
    axis = parse_axis("c", "1:1000000000000000:3")

    assert len(axis) == 333333333333334
    assert axis[10**14] == 3 * 10**14 + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9:1", "9:1 is empty"),
        ("", "neither a whole number nor a range"),
        ("1,,2", "neither a whole number"),
        ("1.5", "neither a whole number"),
        ("-3", "neither a whole number"),
        ("1:2:3:4", "neither a whole number"),
        ("0", "at least 1"),
        ("1:9:0", "at least 1"),
        ("1,1", "must not overlap"),
        ("1:10:3,4", "must not overlap"),
        ("9223372036854775808", "less than 2"),
        ("٣", "neither a whole number"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_axis("c", text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.35:0.5:0.05", [0.35, 0.4, 0.45, 0.5]),
        ("1,0.5", [0.5, 1.0]),
        ("1,2", [1, 2]),
        ("0.1:1:0.3", [0.1, 0.4, 0.7, 1.0]),
        ("0.25:1:.25", None),
        ("0:1", None),
        ("0.0000001", None),
        ("-1", None),
        ("1e3", None),
        ("0.5,0.50", None),
    ],
)
def test_decimals_are_exact(text: str, values: list[float] | None) -> None:
    """As they are written: 0.35 and three times 0.05 are 0.5, with no rounding on the way."""
    if values is None:
        with pytest.raises(InputError, match=r"write numbers above 0|at most 6 decimals"):
            parse_decimal_axis("width", text)
        return
    axis = parse_decimal_axis("width", text)

    assert list(axis) == values
    assert [axis[i] for i in range(len(axis))] == values


def test_some_scales_start_at_zero() -> None:
    assert list(parse_decimal_axis("phi", "0:1:0.5", from_zero=True)) == [0.0, 0.5, 1.0]
