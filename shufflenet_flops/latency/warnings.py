"""What is doubtful about a measurement, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from statistics import median

from shufflenet_flops.environment import governor, usable_cores
from shufflenet_flops.errors import plural
from shufflenet_flops.latency.stats import Latency

UNSTABLE = 0.10  # interquartile range over median, as torch.utils.benchmark warns
DRIFT = 0.10  # between the medians of a run's two halves
TOO_SHORT_S = 20e-6  # where calling from Python is a good part of what is timed
_SHOWN = 3


def warnings_about(latencies: Mapping[str, Latency]) -> list[str]:
    """One sentence per doubt about what was just measured, each with a next step."""
    return [*doubts_about(latencies), *_doubts_about_now()]


def doubts_about(latencies: Mapping[str, Latency]) -> list[str]:
    """What the samples themselves give away, also when they were taken long ago."""
    doubts = []
    if spread := _worst(latencies, _spread, UNSTABLE):
        doubts.append(
            f"times vary (interquartile range {spread} of the median): "
            "close other programs or raise --runs; the ratios suffer less than the times"
        )
    if drift := _worst(latencies, _drift, DRIFT):
        doubts.append(
            f"the machine changed while it was measured (second half of the rounds {drift} off the "
            "first): run again; the ratios suffer less than the times"
        )
    if far := {name: latency.outliers for name, latency in latencies.items() if latency.outliers}:
        runs = sum(latency.runs for latency in latencies.values())
        doubts.append(
            f"{sum(far.values())} of {runs} samples are outliers, more than 3 interquartile ranges "
            "off; they are kept, and hardly change the medians: raise --runs if there are many"
        )
    if short := [name for name, latency in latencies.items() if latency.median < TOO_SHORT_S]:
        doubts.append(
            f"a call takes less than {TOO_SHORT_S * 1e6:.0f} µs, so that what Python adds to each "
            f"call matters ({_some(short)}): give a larger --input"
        )
    return doubts


def _doubts_about_now() -> list[str]:
    """The state of this machine."""
    doubts = []
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > usable_cores() + 0.5:
        doubts.append(
            f"the machine is busy (load {load:.1f} on {plural(usable_cores(), 'core')}): "
            "wait for the other work to end and run again"
        )
    if governor() not in (None, "performance"):
        doubts.append(
            f"the processor's frequency is scaled (governor {governor()}): "
            "set it to performance and run again"
        )
    return doubts


def _spread(latency: Latency) -> float:
    return (latency.q3 - latency.q1) / latency.median


def _drift(latency: Latency) -> float:
    """How far the median of the later half of the samples is off that of the earlier half."""
    half = latency.runs // 2
    if half < 2:
        return 0.0
    return abs(median(latency.samples[half:]) / median(latency.samples[:half]) - 1)


def _worst(latencies: Mapping[str, Latency], of: Callable[[Latency], float], limit: float) -> str:
    """The names and values above the limit, largest first."""
    values = sorted(((of(latency), name) for name, latency in latencies.items()), reverse=True)
    return _some([f"{name} {value:.0%}" for value, name in values if value > limit])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
