"""Filters: what they let through, and that nothing else gets in."""

from __future__ import annotations

import gc
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.design.sweep.filter import parse_filter
from shufflenet_flops.errors import InputError, UnknownNameError

COLUMNS = {
    "macs": np.array([10, 40_000_000, 2**53 + 1, 2**63 - 1]),
    "g": np.array([1, 2, 3, 8]),
    "c": np.array([240, 24, 240, 16]),
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("macs < 40e6", [0]),
        ("macs <= 40e6 and g > 1", [1]),
        ("g == 1 or g == 8", [0, 3]),
        ("not g == 1", [1, 2, 3]),
        ("1 < g <= 3", [1, 2]),
        ("c % 24 == 0 and c // 24 >= 10", [0, 2]),
        ("macs / c < 1", [0]),
        ("c / g >= 12.5", [0, 2]),
        ("-g < -2", [2, 3]),
        ("macs > 9007199254740992", [2, 3]),
        ("macs >= 9007199254740993.0 and macs < 1e18", [2]),
        ("macs < 9223372036854775807", [0, 1, 2]),
        ("macs < 1e30", [0, 1, 2, 3]),
        ("macs * macs > 1e37", [3]),
        ("c / (g - 1) < 100", [1, 3]),
        ("macs < 40M", [0]),
        ("macs <= 40 MMAC and g > 1", [1]),
        ("macs<=0.04G", [0, 1]),
        ("macs <= 40,000,000 or g == 3", [0, 1, 2]),
        ("not 40_000 k < macs", [0, 1]),
        ("10 <= macs <= 40M", [0, 1]),
        ("macs / c < 2M", [0, 1]),
    ],
)
def test_rows(text: str, rows: list[int]) -> None:
    assert np.flatnonzero(parse_filter(text, COLUMNS).mask(COLUMNS)).tolist() == rows


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "macs.real > 1",
        "macs[0] > 1",
        "(lambda: 1)() > 0",
        "macs < '1'",
        "macs",
        "1",
        "macs < 1 if g > 1 else c > 1",
        "[macs < 1 for macs in g]",
        "(x := 1) > 0",
        "macs ** 2 > 1",
        "macs % 0 == 0",
        "macs in g",
        "macs is g",
        "macs < True",
        "macs < 1j",
        "macs < 1e999",
        "f'{macs}' > 1",
        "macs & g > 1",
        "(macs < 1) < 2",
        "macs <",
        "",
        "macs = 1",
        "macs < 1; g > 1",
        "(" * 300 + "macs" + ")" * 300,
        "macs < 1" + " " * 3000,
        "macs\x00< 1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_filter(text, COLUMNS)


def test_an_unknown_column_is_answered_with_the_closest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown column 'mac': did you mean macs\?"):
        parse_filter("mac < 40e6", COLUMNS)


@given(
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.integers(-(2**70), 2**70) | st.floats(-1e19, 1e19, allow_nan=False),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
)
def test_comparisons_are_exact(value: int, number: float, sign: str) -> None:
    """As Python compares whole numbers with any number."""
    found = parse_filter(f"x {sign} {number!r}", ["x"]).mask({"x": np.array([value])})
    expected = {
        "<": value < number,
        "<=": value <= number,
        ">": value > number,
        ">=": value >= number,
        "==": value == number,
        "!=": value != number,
    }[sign]

    assert found.tolist() == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macs < 40 MFLOP", 'FLOP is no unit of macs: write "40 MMAC"'),
        ("macs < 40 Q", "unknown unit 'Q'"),
        ("macs < 1.23456789k", "is 1234.56789, not a whole number"),
        ("c < 1k", "1k must be compared with one metric, as in macs < 40M; write a whole number"),
        ("macs < 40M < params", "40M must be compared with one metric"),
        ("macs < '40M'", "is not allowed"),
    ],
)
def test_an_amount_that_does_not_fit_is_refused(text: str, message: str) -> None:
    """By name, with what would work."""
    columns = {**COLUMNS, "params": COLUMNS["c"]}
    with pytest.raises(InputError, match=re.escape(message)):
        parse_filter(text, columns)


def test_threads_may_parse_at_once() -> None:
    """As those of a sweep do, also where a watcher of the collector stops one halfway."""
    where = " and ".join(["c > 1"] * 150)

    def watch(phase: str, info: dict[str, int]) -> None:
        sum(range(100))

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(watch)
    gc.set_threshold(20)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            filters = list(pool.map(lambda _: parse_filter(where, ["c"]), range(200)))
    finally:
        gc.callbacks.remove(watch)
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)

    assert {parsed.text for parsed in filters} == {where}
