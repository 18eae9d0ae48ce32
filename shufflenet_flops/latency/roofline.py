"""This machine's peaks, the bound they set for a model, and where eager mode spends its time."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import nn

from shufflenet_flops.counting import Row, Table
from shufflenet_flops.latency.case import Case
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.sampling import Timer, timer_for
from shufflenet_flops.running.no_gc import no_gc

_MATRIX = 1024  # 2 GFLOP on 13 MB: arithmetic bound on any machine
_COPIES = tuple(2**power for power in range(15, 29, 2))  # bytes; the last is beyond most caches
_REPEATS = 7
_PRODUCTS = 40  # more, as a peak is what a machine reaches in its best moment
_WARMUP = 3  # calls, of the modules one by one


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
    """One layer's work, the bound it gives, and its median time in eager mode, in seconds."""

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

    A layer's time is that of its module without the modules inside it, so what it costs to ask
    the clock, a microsecond or two, is in each.
    """
    torch.set_num_threads(threads)
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


def own_times(
    module: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    clock: Callable[[], float] = time.perf_counter,
    calls: int = 15,
) -> Mapping[str, float]:
    """Median seconds of each module's own work, by path, of so many calls of the whole."""
    running: list[list[float]] = []  # when each module began that runs, and what is inside it
    own: dict[str, float] = {}

    def enter(*_: Any) -> None:
        running.append([clock(), 0.0])

    def leave(path: str, *_: Any) -> None:
        begun, inside = running.pop()
        whole = clock() - begun
        own[path] = own.get(path, 0.0) + whole - inside
        if running:
            running[-1][1] += whole

    handles = []
    for path, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(enter))
        handles.append(part.register_forward_hook(partial(leave, path)))
    samples: defaultdict[str, list[float]] = defaultdict(list)
    try:
        with torch.inference_mode(), no_gc():
            for number in range(_WARMUP + calls):
                own.clear()
                module(*inputs)
                for path, seconds in own.items() if number >= _WARMUP else ():
                    samples[path].append(seconds)
    finally:
        for handle in handles:
            handle.remove()
    return {path: median(seconds) for path, seconds in samples.items()}
