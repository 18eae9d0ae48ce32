"""The Pareto front against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.design.sweep.pareto import front


def dominated(row: tuple[int, ...], other: tuple[int, ...], signs: list[int]) -> bool:
    better = [sign * b - sign * a for sign, a, b in zip(signs, other, row, strict=True)]
    return all(gain >= 0 for gain in better) and any(gain > 0 for gain in better)


@given(
    st.integers(1, 4).flatmap(
        lambda k: st.tuples(
            st.lists(st.tuples(*[st.integers(0, 5)] * k), max_size=40),
            st.lists(st.sampled_from([1, -1]), min_size=k, max_size=k),
        )
    )
)
def test_equals_the_definition(case: tuple[list[tuple[int, ...]], list[int]]) -> None:
    rows, signs = case
    columns = np.array(rows, np.int64).reshape(len(rows), len(signs)).T
    low = [column for column, sign in zip(columns, signs, strict=True) if sign == 1]
    high = [column for column, sign in zip(columns, signs, strict=True) if sign == -1]
    expected = [
        i for i, row in enumerate(rows) if not any(dominated(row, other, signs) for other in rows)
    ]

    assert sorted(front(low, high).tolist()) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=60), st.integers(1, 59))
def test_the_front_of_parts_fronts_is_the_front(rows: list[tuple[int, int]], cut: int) -> None:
    """What lets chunks be thinned one by one."""
    points = np.array(rows, np.int64).reshape(-1, 2)
    parts = [part[front([part[:, 0]], [part[:, 1]])] for part in (points[:cut], points[cut:])]
    joined = np.concatenate(parts)
    thinned = joined[front([joined[:, 0]], [joined[:, 1]])]
    whole = points[front([points[:, 0]], [points[:, 1]])]

    assert sorted(map(tuple, thinned.tolist())) == sorted(map(tuple, whole.tolist()))


@pytest.mark.parametrize("metrics", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("values", [3, 30, 10**6])
def test_equals_the_definition_on_many_rows(metrics: int, values: int) -> None:
    """Ties in plenty, few or none; every row against every other."""
    points = np.random.default_rng(metrics).integers(0, values, (1500, metrics))
    no_worse = (points[:, None] <= points[None]).all(axis=2)
    better = (points[:, None] < points[None]).any(axis=2)
    expected = np.flatnonzero(~(no_worse & better).any(axis=0))

    assert sorted(front(list(points.T), []).tolist()) == expected.tolist()


def test_a_front_of_everything_is_found_in_no_time() -> None:
    """Each with each would be a hundred thousand million comparisons."""
    x, y = np.divmod(np.arange(300_000), 600)

    assert len(front([x + y], [x, y])) == 300_000


def test_exact_where_doubles_are_not() -> None:
    metric = np.array([2**62 + 1, 2**62])

    assert front([metric], []).tolist() == [1]
    assert front([], [metric]).tolist() == [0]
