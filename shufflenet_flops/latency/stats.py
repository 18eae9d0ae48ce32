"""Summaries of wall-clock samples: medians, quartiles, and ratios with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Median time over the reference's, with a 95 % bootstrap interval over paired rounds."""

    to: str
    ratio: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 1."""
        return not self.low <= 1 <= self.high


@dataclass(frozen=True)
class Latency:
    """Wall-clock of one model in seconds per call."""

    median: float
    q1: float
    q3: float
    runs: int
    samples: tuple[float, ...]
    ratio: Ratio | None = None


def summarise(
    samples: Sequence[float], reference: tuple[str, Sequence[float]] | None = None
) -> Latency:
    """Median and quartiles; the ratio is to a reference sampled in the same rounds."""
    import numpy as np

    q1, median, q3 = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
    ratio = None if reference is None else _ratio(samples, *reference)
    return Latency(median, q1, q3, len(samples), tuple(samples), ratio)


def _ratio(samples: Sequence[float], name: str, reference: Sequence[float]) -> Ratio:
    import numpy as np
    from scipy.stats import bootstrap

    def statistic(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(np.median(a, axis=axis) / np.median(b, axis=axis))

    result = bootstrap(
        (samples, reference),
        statistic,
        paired=True,
        n_resamples=2000,
        confidence_level=0.95,
        method="percentile",
        rng=0,
    )
    interval = result.confidence_interval
    point = statistic(np.asarray(samples), np.asarray(reference))
    return Ratio(name, float(point), float(interval.low), float(interval.high))
