"""Sample wall-clock times in rounds, so that the machine's mood hits all models alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from shufflenet_flops.errors import ClockError, InputError
from shufflenet_flops.running.no_gc import no_gc

# What is being worked on, how much is done, and how much there is.
Progress = Callable[[str, int, int], None]
Timer = Callable[[Callable[[], object], int], float]
Samples = dict[str, list[float]]

MIN_ROUNDS = 15
MAX_WARMUP_ROUNDS = 20
_STILL_WARMING = 0.95  # a call that got faster than this by itself has not settled
# A sample lasts at least this long: ten thousand times what reading the clock takes.
_SHORTEST_S = 5e-3


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while sampling; `samples` are those of all rounds that were complete."""

    def __init__(self, samples: Samples) -> None:
        super().__init__()
        self.samples = samples


def wall_clock(call: Callable[[], object], repeats: int) -> float:
    """Seconds that one of `repeats` calls in a row takes.

    Raises ClockError where the clock has not gone on, as in a virtual machine that is paused.
    """
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    elapsed = time.perf_counter() - start
    if elapsed <= 0:
        raise ClockError("the clock of this machine stands still: no time can be measured")
    return elapsed / repeats


def cuda_events(call: Callable[[], object], repeats: int) -> float:
    """Seconds between two events on the GPU's own clock, with all work done."""
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        call()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / repeats


def timer_for(device: str) -> Timer:
    """The clock of a device: the processor's, or events on the GPU."""
    return cuda_events if device == "cuda" else wall_clock


def sample(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int | None = None,
    min_time_s: float = 1.0,
    progress: Progress = lambda name, done, total: None,
    seed: int = 0,
    timer: Timer = wall_clock,
) -> Samples:
    """Seconds per call for each of `calls`, one sample each in every round.

    A round visits all calls in random order, so slow drift cancels in their ratios. Without
    `rounds`, there are as many as fill `min_time_s` per call, and at least 15. A call shorter than
    5 ms is sampled several in a row, after one that is not timed and brings its data back into the
    caches. The garbage collector is off during a sample.

    Raises InputError for fewer than 2 rounds, which give no interval, and Interrupted, a
    KeyboardInterrupt with the samples so far.
    """
    if rounds is not None and rounds < 2:
        raise InputError(f"{rounds} round: an interval needs at least 2")
    order = random.Random(seed)
    names = list(calls)
    once = _warm_up(calls, timer)
    repeats = {name: max(1, round(_SHORTEST_S / max(once[name], 1e-9))) for name in names}
    if rounds is None:
        slowest = sum(once[name] * repeats[name] for name in names)
        rounds = max(MIN_ROUNDS, round(min_time_s * len(names) / slowest))
    samples: Samples = {name: [] for name in names}
    try:
        for i in range(rounds):
            order.shuffle(names)
            latest = {}
            for name in names:
                progress(name, i, rounds)
                if repeats[name] > 1:
                    calls[name]()
                with no_gc():
                    latest[name] = timer(calls[name], repeats[name])
            for name, seconds in latest.items():
                samples[name].append(seconds)
    except KeyboardInterrupt:
        raise Interrupted(samples) from None
    return samples


def _warm_up(calls: Mapping[str, Callable[[], object]], timer: Timer) -> dict[str, float]:
    """Run all calls in turn until none gets faster any more; what one of them takes, in seconds."""
    times: Samples = {name: [] for name in calls}
    for _ in range(MAX_WARMUP_ROUNDS):
        for name, call in calls.items():
            with no_gc():
                times[name].append(timer(call, 1))
        if all(_is_settled(history) for history in times.values()):
            break
    return {name: min(history) for name, history in times.items()}


def _is_settled(history: list[float]) -> bool:
    """Whether the last two calls were about as fast as any of those before."""
    return len(history) >= 4 and min(history[-2:]) >= _STILL_WARMING * min(history[:-2])
