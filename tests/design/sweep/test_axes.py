"""Lists and ranges of values."""

from __future__ import annotations

import pytest

from shufflenet_flops.design.sweep.axes import parse_axis
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
