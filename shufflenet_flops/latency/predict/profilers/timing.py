"""The least time of a call: what a busy machine disturbs least."""

from __future__ import annotations

import time
from collections.abc import Callable

from shufflenet_flops.running.no_gc import no_gc

MOST = 40
ENOUGH_S = 0.03


def least_s(
    call: Callable[[], object], repeats: int, clock: Callable[[], float] = time.thread_time
) -> float:
    """The least seconds that `call` takes by the clock, of `repeats` after three to warm up.

    A short call is repeated up to MOST times: the first ones come from colder caches. The clock is
    the calling thread's own, or the process's where an engine has other threads work.
    """
    for _ in range(3):
        call()
    times: list[float] = []
    with no_gc():
        while len(times) < repeats or (len(times) < MOST and sum(times) < ENOUGH_S):
            start = clock()
            call()
            times.append(clock() - start)
    return min(times)


def runs(seconds: float, least: int) -> int:
    """How often a call that takes so long is run: `least`, or more where it is short."""
    return max(least, min(MOST, round(ENOUGH_S / max(seconds, 1e-9))))
