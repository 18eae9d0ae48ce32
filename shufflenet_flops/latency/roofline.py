"""This machine's peaks, the bound they set for a model, and where eager mode spends its time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from shufflenet_flops.counting import Row, Table
from shufflenet_flops.latency.case import Case
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.sampling import Timer, timer_for

_MATRIX = 1024  # 2 GFLOP on 13 MB: arithmetic bound on any machine
_COPIES = tuple(2**power for power in range(15, 29, 2))  # bytes; the last is beyond most caches
_REPEATS = 7
_PRODUCTS = 40  # more, as a peak is what a machine reaches in its best moment
_PROFILED = 15
_PREFIX = "layer: "


@dataclass(frozen=True)
class Peaks:
    """The best that was measured here: FLOP/s of a square matrix product, bytes/s of copies.

    `copies` are the bytes that each copy moves, counted as read and as written, with its bytes/s,
    smallest first: that one stays in the caches, the largest does not.
    """

    flop_per_s: float
    copies: tuple[tuple[int, float], ...]

    @property
    def bytes_per_s(self) -> float:
        """Bandwidth of the largest copy: that of memory."""
        return self.copies[-1][1]

    @property
    def ridge(self) -> float:
        """FLOP per byte of memory access above which arithmetic is the limit."""
        return self.flop_per_s / self.bytes_per_s

    def bandwidth(self, moved: int) -> float:
        """Bytes/s of the copy that moves nearest to `moved` bytes."""
        return min(self.copies, key=lambda copy: abs(math.log(copy[0] / max(moved, 1))))[1]

    def bound_s(self, row: Row) -> float:
        """The least time for a layer whose arithmetic and memory access overlap perfectly."""
        return max(
            2 * row.macs / self.flop_per_s, row.memory_bytes / self.bandwidth(row.memory_bytes)
        )


@dataclass(frozen=True)
class BoundLayer:
    """One layer's work, the bound it gives, and eager's median time in the profiler, in seconds."""

    path: str
    kind: str
    macs: int
    memory_bytes: int
    bound_s: float
    time_s: float


def measure_peaks(setup: Setup) -> Peaks:
    """Measure the peaks with torch, as `setup` has it."""
    torch.set_num_threads(setup.threads)
    timer = timer_for(setup.device)
    a = torch.randn(_MATRIX, _MATRIX, device=setup.device).to(getattr(torch, setup.dtype))
    product = torch.empty_like(a)
    seconds = _best(lambda: torch.mm(a, a, out=product), timer, repeats=_PRODUCTS)
    copies = tuple((2 * size, copy_bandwidth(size, setup)) for size in _COPIES)
    return Peaks(2 * _MATRIX**3 / seconds, copies)


def copy_bandwidth(size: int, setup: Setup) -> float:
    """Bytes read and written per second by a copy of `size` bytes."""
    torch.set_num_threads(setup.threads)
    source = torch.ones(size // 4, device=setup.device)
    target = torch.empty_like(source)
    calls = max(1, 2**24 // size)
    return 2 * size / _best(lambda: target.copy_(source), timer_for(setup.device), calls)


def _best(call: Any, timer: Timer, calls: int = 1, repeats: int = _REPEATS) -> float:
    call()
    return min(timer(call, calls) for _ in range(repeats))


def layers(case: Case, peaks: Peaks, threads: int) -> list[BoundLayer]:
    """Every row of the model's table with its bound and its time in eager mode, on the CPU.

    A layer's time is that of its module without the modules inside it, so the profiler's own cost
    of a few microseconds is in each.
    """
    torch.set_num_threads(threads)
    with quiet():
        times = own_times(case.module, case.inputs)
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in case.table.rows:
        rows[row.path].append(row)
    timed = []
    for path, group in rows.items():
        part = Table(tuple(group))
        timed.append(
            BoundLayer(
                path,
                group[0].kind.value,
                part.macs,
                part.memory_bytes,
                sum(map(peaks.bound_s, group)),
                times.get(path, 0.0),
            )
        )
    return timed


def own_times(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Mapping[str, float]:
    """Median seconds of each module's own work, by path."""
    handles = []
    for path, part in module.named_modules():
        ranges: list[Any] = []

        def enter(_: Any, __: Any, path: str = path, ranges: list[Any] = ranges) -> None:
            ranges.append(torch.profiler.record_function(_PREFIX + path))
            ranges[-1].__enter__()

        def leave(_: Any, __: Any, ___: Any, ranges: list[Any] = ranges) -> None:
            ranges.pop().__exit__(None, None, None)

        handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    samples: defaultdict[str, list[float]] = defaultdict(list)
    try:
        with torch.inference_mode():
            for _ in range(3):
                module(*inputs)
            for _ in range(_PROFILED):
                for path, seconds in _profile_once(module, inputs).items():
                    samples[path].append(seconds)
    finally:
        for handle in handles:
            handle.remove()
    return {path: median(seconds) for path, seconds in samples.items()}


def _profile_once(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, float]:
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, acc_events=True) as profiler:
        module(*inputs)
    own: defaultdict[str, float] = defaultdict(float)
    for event in profiler.events():
        if event.name.startswith(_PREFIX):
            inside = sum(
                child.cpu_time_total for child in event.cpu_children if _is_range(child.name)
            )
            own[event.name.removeprefix(_PREFIX)] += (event.cpu_time_total - inside) / 1e6
    return own


def _is_range(name: str) -> bool:
    return name.startswith(_PREFIX)
