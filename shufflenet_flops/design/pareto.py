"""The Pareto front: rows that no other row beats in every metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]


def front(minimise: Sequence[Array], maximise: Sequence[Array]) -> npt.NDArray[np.intp]:
    """Positions of the rows that are not dominated, in ascending order of the metrics.

    A row is dominated by one that is nowhere worse and somewhere better; equal rows stay together.
    """
    points = np.stack([*minimise, *(-metric for metric in maximise)], axis=1)
    if not len(points):
        return np.empty(0, np.intp)
    order = np.lexsort(points.T[::-1])
    points = points[order]
    new = np.concatenate([[True], (points[1:] != points[:-1]).any(axis=1)])
    which = np.cumsum(new) - 1  # of each row, its place among the distinct points
    distinct = _front_of_sorted(points[new])
    return np.asarray(order[distinct[which]], np.intp)


def _front_of_sorted(points: Array) -> npt.NDArray[np.bool_]:
    """Which of distinct points, in ascending order, no earlier one dominates (no later one can)."""
    on_front = np.zeros(len(points), np.bool_)
    if points.shape[1] <= 2:
        # Each point against the least second metric before it.
        last = points[:, -1]
        on_front[0] = True
        on_front[1:] = last[1:] < np.minimum.accumulate(last)[:-1]
        return on_front
    remaining = np.arange(len(points))
    while len(remaining):
        first, rest = remaining[0], remaining[1:]
        on_front[first] = True
        remaining = rest[(points[rest] < points[first]).any(axis=1)]
    return on_front
