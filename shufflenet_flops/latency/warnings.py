"""What is doubtful about a measurement, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from shufflenet_flops.latency.environment import usable_cores
from shufflenet_flops.latency.stats import Latency

UNSTABLE = 0.10  # interquartile range over median, as torch.utils.benchmark warns


def warnings_about(latencies: Mapping[str, Latency]) -> list[str]:
    """One sentence per doubt, each with a next step."""
    found = []
    unstable = [
        f"{name} {(latency.q3 - latency.q1) / latency.median:.0%}"
        for name, latency in latencies.items()
        if latency.q3 - latency.q1 > UNSTABLE * latency.median
    ]
    if unstable:
        found.append(
            f"times vary (interquartile range {', '.join(unstable)} of the median): "
            "close other programs or raise --runs; the ratios suffer less than the times"
        )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > usable_cores() + 0.5:
        found.append(
            f"the machine is busy (load {load:.1f} on {usable_cores()} cores): "
            "wait for the other work to end and run again"
        )
    return found
