"""How far predicted times are from measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Over networks, each as much as any other: errors and shares from 0 to 1.

    `mape` is the mean of |predicted / measured − 1|, `median` its median, `within_10` and
    `within_20` the shares of networks whose error is at most 10 % and 20 %, `spearman` the
    correlation of ranks.
    """

    networks: int
    mape: float
    median: float
    within_10: float
    within_20: float
    spearman: float


def errors(predicted: Floats, measured: Floats) -> Errors:
    """Of predicted times against measured ones, network by network."""
    error = np.abs(predicted / measured - 1)
    return Errors(
        len(error),
        float(error.mean()),
        float(np.median(error)),
        float((error <= 0.1).mean()),
        float((error <= 0.2).mean()),
        float(spearmanr(predicted, measured).statistic),
    )


def ratio_of_equals(macs: Sequence[int], seconds: Floats) -> tuple[int, int, float]:
    """Which two networks of as many MACs, to within 1 %, differ most in time, and how much.

    The slower one's position comes first.
    """
    order = np.argsort(macs, kind="stable")
    found = (0, 0, 1.0)
    for start, i in enumerate(order):
        for j in order[start + 1 :]:
            if macs[j] > 1.01 * macs[i]:
                break
            slow, fast = (i, j) if seconds[i] > seconds[j] else (j, i)
            ratio = float(seconds[slow] / seconds[fast])
            if ratio > found[2]:
                found = (int(slow), int(fast), ratio)
    return found
