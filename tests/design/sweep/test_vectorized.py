"""The walk over arrays against the walk over ints, up to the last number that int64 holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflenet_flops.counting.totals import METRICS, totals
from shufflenet_flops.design.sweep import vectorized as many
from shufflenet_flops.design.sweep.interval import INT64_MAX, Bound, MayOverflowError
from shufflenet_flops.design.sweep.vectorized import count_many
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design, design_names, find_design

CHOICES: dict[str, st.SearchStrategy[int]] = {
    "c": st.integers(1, 700),
    "m": st.integers(1, 300),
    "n": st.integers(1, 300),
    "k": st.integers(1, 7),
    "g": st.sampled_from([1, 2, 3, 4, 5, 8, 16]),
    "h": st.integers(1, 300),
    "w": st.integers(1, 300),
    "stem": st.integers(1, 40),
    "classes": st.integers(1, 1000),
}


@st.composite
def batches(draw: st.DrawFn) -> tuple[Design, dict[str, list[int]], dict[str, int]]:
    """A design, columns of one length for some of its variables, and ints for others."""
    design = find_design(draw(st.sampled_from(design_names())))
    free = [name for name in design.variables if name != "stride"]
    columns = draw(st.sets(st.sampled_from(free), min_size=1))
    fixed = draw(st.sets(st.sampled_from(free))) - columns
    rows = draw(st.integers(1, 12))
    step = design.step({})
    values = {name: draw(st.lists(CHOICES[name], min_size=rows, max_size=rows)) for name in columns}
    if "c" in values and draw(st.booleans()):
        values["c"] = [step * c for c in values["c"]]
    numbers = {name: draw(CHOICES[name]) for name in fixed}
    if "stride" in design.variables:
        numbers["stride"] = draw(st.sampled_from([1, 2]))
    return design, values, numbers


def one(design: Design, numbers: dict[str, int]) -> dict[str, int] | None:
    """The metrics of one configuration by the walk over ints; None if it makes no network."""
    try:
        network = design.build(**design.fill(numbers))
        return totals(network.spec, network.input)
    except SpecError:
        return None


@settings(max_examples=200, deadline=None)
@given(batches())
def test_arrays_equal_ints_and_leave_out_exactly_what_makes_no_network(
    case: tuple[Design, dict[str, list[int]], dict[str, int]],
) -> None:
    design, columns, numbers = case
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    expected = {
        i: found for i, row in enumerate(rows) if (found := one(design, row | numbers)) is not None
    }

    arrays = {name: np.array(values, np.int64) for name, values in columns.items()}
    counted = count_many(design, {**arrays, **numbers})

    assert counted.kept.tolist() == list(expected)
    for metric in METRICS:
        assert counted.metrics[metric].tolist() == [row[metric] for row in expected.values()]
        assert counted.metrics[metric].dtype == np.int64


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    design = find_design("shufflenet_unit")
    values = {"c": np.arange(1, 1000), "g": np.arange(1, 1000) % 8 + 1}
    whole = count_many(design, values)
    monkeypatch.setattr(many, "BLOCK", 7)
    split = count_many(design, values)

    assert whole.kept.tolist() == split.kept.tolist()
    for metric in METRICS:
        assert whole.metrics[metric].tolist() == split.metrics[metric].tolist()


def test_exact_past_2_to_the_53_where_doubles_are_not() -> None:
    design = find_design("conv_unit")
    heights = np.arange(10**7 + 1, 10**7 + 200, 2)
    counted = count_many(design, {"c": 101, "h": heights, "w": 1_000_003})
    macs = counted.metrics["macs"].tolist()

    assert macs == [9 * 101 * 101 * int(h) * 1_000_003 for h in heights]
    assert all(2**53 < value < 2**63 for value in macs)
    assert any(int(float(value)) != value for value in macs)


def test_the_last_int64_is_exact_and_the_next_is_refused() -> None:
    """A 1x1 layer of 2^63 - 1 = 7² · 73 · 127 · 337 · 92737 · 649657 MACs."""
    design = find_design("pointwise_unit")
    height, width = 7 * 7 * 73 * 127 * 337, 92_737 * 649_657
    assert height * width == INT64_MAX

    numbers = {"c": 1, "n": 1, "h": height, "w": width}
    network = design.build(**design.fill(numbers))
    assert totals(network.spec, network.input)["macs"] == INT64_MAX
    with pytest.raises(InputError, match=rf"flops of .*h={height}.* more than the largest int64"):
        count_many(design, {**numbers, "h": np.array([1, height])})


@pytest.mark.parametrize("exponent", [57, 58, 59])
def test_close_to_the_limit_every_row_is_exact(exponent: int) -> None:
    """The interval proof fails for the whole block here, and exact numbers take over."""
    design = find_design("pointwise_unit")
    widths = np.array([2**exponent, 2**exponent - 1, 3, 5])
    heights = np.array([1, 1, 2**exponent // 5, 7])
    values = {"c": 1, "n": 1, "h": heights, "w": widths}
    counted = count_many(design, values)

    for i in range(len(widths)):
        expected = one(design, {"c": 1, "n": 1, "h": int(heights[i]), "w": int(widths[i])})
        assert expected == {metric: int(counted.metrics[metric][i]) for metric in METRICS}


def test_numpy_alone_would_have_been_wrong() -> None:
    """That the check is needed: the same product in int64 wraps round without a word."""
    wrapped = np.array([2**40]) * np.array([2**40])

    assert wrapped[0] == 0
    with pytest.raises(InputError, match="more than the largest int64"):
        count_many(find_design("pointwise_unit"), {"c": 3, "h": np.array([2**40]), "w": 2**40})


INTERVALS = st.tuples(st.integers(-50, 50), st.integers(0, 30)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


@given(INTERVALS, INTERVALS, st.data())
def test_an_interval_holds_every_result(
    a: tuple[int, int], b: tuple[int, int], data: st.DataObject
) -> None:
    """The inclusion that the proof against overflow rests on, for each operation."""
    x, y = data.draw(st.integers(*a)), data.draw(st.integers(*b))
    left, right = Bound(*a), Bound(*b)
    cases = [(left + right, x + y), (left - right, x - y), (left * right, x * y), (-left, -x)]
    cases += [(3 - left, 3 - x), (left + 3, x + 3), (3 * left, 3 * x), (3 + left, 3 + x)]
    if y >= 1:
        cases += [(left // right, x // y), (left % right, x % y), (7 // right, 7 // y)]
        cases += [(7 % right, 7 % y)]
        if x % y == 0:
            cases.append((left / right, x // y))
    cases += [(left < right, x < y), (left != right, x != y), ((left != 1) & (right != 1), True)]

    for interval, value in cases:
        assert interval.low <= int(value) <= interval.high


def test_an_interval_that_leaves_int64_says_so() -> None:
    assert Bound(0, INT64_MAX).high == INT64_MAX
    with pytest.raises(MayOverflowError):
        Bound(0, INT64_MAX) + 1
