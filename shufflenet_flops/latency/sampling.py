"""Sample wall-clock times in rounds, so that the machine's mood hits all models alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]

WARMUP_ROUNDS = 3
MIN_ROUNDS = 15


def sample(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int | None = None,
    min_time_s: float = 1.0,
    progress: Progress = lambda name, done, total: None,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Seconds per call for each of `calls`, one sample each in every round.

    A round visits all calls in random order, so slow drift cancels in their ratios. Without
    `rounds`, there are as many as fill `min_time_s` per call, and at least 15. Samples shorter
    than the clock's grain are made of several calls. The garbage collector is off throughout.
    """
    order = random.Random(seed)
    names = list(calls)
    with _no_gc():
        once = dict.fromkeys(names, 0.0)
        for _ in range(WARMUP_ROUNDS):
            for name in names:
                once[name] = _time(calls[name], 1)
        repeats = {name: max(1, round(_SHORTEST_S / max(once[name], 1e-9))) for name in names}
        if rounds is None:
            slowest = sum(once[name] * repeats[name] for name in names)
            rounds = max(MIN_ROUNDS, round(min_time_s * len(names) / slowest))
        samples: dict[str, list[float]] = {name: [] for name in names}
        for i in range(rounds):
            order.shuffle(names)
            for name in names:
                progress(name, i, rounds)
                samples[name].append(_time(calls[name], repeats[name]))
    return {name: samples[name] for name in calls}


# A sample lasts at least this long: a thousand times what reading the clock takes.
_SHORTEST_S = 1e-3


def _time(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


@contextmanager
def _no_gc() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
