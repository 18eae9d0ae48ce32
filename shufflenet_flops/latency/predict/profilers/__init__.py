"""Engines that can be calibrated: what each runs in one kernel, and how long its kernels take.

The files here are found by themselves.
"""

from __future__ import annotations

from shufflenet_flops.latency.predict.profilers.protocol import Profiler as Profiler
from shufflenet_flops.latency.predict.profilers.protocol import find_profiler as find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import profiler_names as profiler_names
