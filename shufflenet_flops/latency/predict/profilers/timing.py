"""The least time of a call: what a busy machine disturbs least."""

from __future__ import annotations

import time
from collections.abc import Callable

from shufflenet_flops.no_gc import no_gc


def least_s(
    call: Callable[[], object], repeats: int, clock: Callable[[], float] = time.thread_time
) -> float:
    """The least seconds that `call` takes by the clock, of `repeats` after three to warm up.

    The clock is the calling thread's own, or the process's where an engine has other threads work.
    """
    for _ in range(3):
        call()
    times = []
    with no_gc():
        for _ in range(repeats):
            start = clock()
            call()
            times.append(clock() - start)
    return min(times)
