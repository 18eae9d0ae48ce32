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
    unique, which = np.unique(points, axis=0, return_inverse=True)
    kept = []
    remaining = np.arange(len(unique))
    # In this order a point is dominated only by earlier ones, so the first one left never is.
    while len(remaining):
        first = remaining[0]
        kept.append(first)
        rest = remaining[1:]
        remaining = rest[(unique[rest] < unique[first]).any(axis=1)]
    chosen = np.isin(which, kept)
    positions = np.flatnonzero(chosen)
    return positions[np.argsort(which[positions], kind="stable")]
