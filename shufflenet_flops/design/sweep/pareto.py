"""The Pareto front: rows that no other row beats in every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]
SHOWN = 4000  # points of a figure


def front(minimise: Sequence[Array], maximise: Sequence[Array]) -> npt.NDArray[np.intp]:
    """Positions of the rows that are not dominated, in ascending order of the metrics.

    A row is dominated by one that is nowhere worse and somewhere better; equal rows stay together.
    """
    points = np.stack([*map(_exact, minimise), *(-_exact(metric) for metric in maximise)], axis=1)
    if not len(points):
        return np.empty(0, np.intp)
    order = np.lexsort(points.T[::-1])
    points = points[order]
    new = np.concatenate([[True], (points[1:] != points[:-1]).any(axis=1)])
    which = np.cumsum(new) - 1  # of each row, its place among the distinct points
    on_front = np.zeros(which[-1] + 1, np.bool_)
    on_front[_front_of_sorted(points[new])] = True
    return np.asarray(order[on_front[which]], np.intp)


_SMALL = 64  # points that are compared each with each, faster than they could be split


def _exact(metric: npt.NDArray[Any]) -> Array:
    """Whole numbers as they are; of others the places in their order, which int64 holds exactly."""
    if metric.dtype.kind == "f":
        places: Array = np.unique(metric, return_inverse=True)[1]
        return places
    return metric


def _front_of_sorted(points: Array) -> npt.NDArray[np.intp]:
    """Positions of those of distinct points, in ascending order, that no other one dominates.

    By halves (Kung, Luccio and Preparata 1975): no later point dominates an earlier one, and an
    earlier one dominates a later one where it is no worse in all metrics but the first.
    """
    if points.shape[1] <= 2:  # each against the least second metric before it
        last = points[:, -1]
        lower = last[1:] < np.minimum.accumulate(last)[:-1]
        return np.flatnonzero(np.concatenate([[True], lower]))
    if len(points) <= _SMALL:
        no_worse = (points[:, None] <= points[None]).all(axis=2)
        return np.flatnonzero(no_worse.sum(axis=0) == 1)  # by itself alone
    half = len(points) // 2
    first = _front_of_sorted(points[:half])
    second = half + _front_of_sorted(points[half:])
    beaten = _beaten(points[second, 1:], points[first, 1:])
    return np.concatenate([first, second[~beaten]])


def _beaten(points: Array, by: Array) -> npt.NDArray[np.bool_]:
    """Which of `points` have one of `by` that is no worse in any of the two or more metrics."""
    if not (len(points) and len(by)):
        return np.zeros(len(points), np.bool_)
    if points.shape[1] == 2:
        order = np.argsort(by[:, 0], kind="stable")
        least = np.minimum.accumulate(by[order, -1])
        at = np.searchsorted(by[order, 0], points[:, 0], side="right")
        dominated: npt.NDArray[np.bool_] = (at > 0) & (least[at - 1] <= points[:, -1])
        return dominated
    if len(points) * len(by) <= _SMALL**2:
        no_worse: npt.NDArray[np.bool_] = np.all(by[None] <= points[:, None], axis=2)
        return np.asarray(np.any(no_worse, axis=1))
    pivot = np.partition(by[:, 0], len(by) // 2)[len(by) // 2]
    metric, theirs = points[:, 0], by[:, 0]
    beaten = np.zeros(len(points), np.bool_)
    beaten[metric < pivot] = _beaten(points[metric < pivot], by[theirs < pivot])
    beaten[metric >= pivot] = _beaten(points[metric >= pivot, 1:], by[theirs <= pivot, 1:])
    beaten[metric > pivot] |= _beaten(points[metric > pivot], by[theirs > pivot])
    return beaten


def in_figure(rows: int, chunk: int, chunks: int) -> Array:
    """Indices of the rows of one chunk that go into a figure; of very many chunks each n-th.

    They follow from the chunk alone, so that it makes no difference when it was counted.
    """
    share = SHOWN // chunks or int(chunk % -(-chunks // SHOWN) == 0)
    return np.arange(0, rows if share else 0, -(-rows // max(share, 1)) or 1)
