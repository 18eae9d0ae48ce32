"""Summaries of wall-clock samples: medians, quartiles, and ratios with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shufflenet_flops.errors import InputError

CONFIDENCE = 0.95
_RESAMPLES = 2000
_FAR = 3  # Tukey's outer fence, in interquartile ranges


@dataclass(frozen=True)
class Ratio:
    """How many times as long a call takes as the reference, with a 95 % bootstrap interval."""

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

    def __post_init__(self) -> None:
        check_quartiles(self.q1, self.median, self.q3)

    @property
    def outliers(self) -> int:
        """Samples over 3 interquartile ranges beyond the quartiles, which count all the same."""
        margin = _FAR * (self.q3 - self.q1)
        return sum(not self.q1 - margin <= x <= self.q3 + margin for x in self.samples)


def check_quartiles(q1: float | None, median: float | None, q3: float | None) -> None:
    """Raise InputError unless they are in their order, and no time is negative; none may be."""
    times = [time for time in (q1, median, q3) if time is not None]
    if times != sorted(times) or min(times, default=0) < 0:
        raise InputError(f"quartiles and median {times}: must not be negative, and in their order")


def summarise(
    samples: Sequence[float], reference: tuple[str, Sequence[float]] | None = None
) -> Latency:
    """Median and quartiles; the ratio is to a reference sampled in the same rounds."""
    import numpy as np

    q1, median, q3 = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
    ratio = None if reference is None else paired_ratio(samples, *reference)
    return Latency(median, q1, q3, len(samples), tuple(samples), ratio)


def paired_ratio(samples: Sequence[float], name: str, reference: Sequence[float]) -> Ratio:
    """The median over rounds of one time over the other's, which what slows both leaves alone."""
    import numpy as np

    ratios = np.asarray(samples) / np.asarray(reference)
    return _ratio(name, (ratios,), lambda a, axis=-1: np.median(a, axis=axis))


def unpaired_ratio(samples: Sequence[float], name: str, reference: Sequence[float]) -> Ratio:
    """One median over the other, of samples from different runs."""
    import numpy as np

    def statistic(a: Any, b: Any, axis: int = -1) -> Any:
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    return _ratio(name, (np.asarray(samples), np.asarray(reference)), statistic)


def _ratio(name: str, data: tuple[Any, ...], statistic: Any) -> Ratio:
    from scipy.stats import bootstrap

    point = float(statistic(*data))
    interval = bootstrap(
        data,
        statistic,
        n_resamples=_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=0,
    ).confidence_interval
    return Ratio(name, point, float(interval.low), float(interval.high))
