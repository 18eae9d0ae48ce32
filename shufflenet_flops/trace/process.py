"""Settings of the whole process that a forward pass may change, and how they are put back."""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

# How each is read, and how it is set to what was read.
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    *(
        (partial(read, device), partial(write, device))
        for read, write in (
            (torch.is_autocast_enabled, torch.set_autocast_enabled),
            (torch.get_autocast_dtype, torch.set_autocast_dtype),
        )
        for device in ("cpu", "cuda")
    ),
    *(
        (
            lambda name=name: getattr(torch.backends.cudnn, name),
            lambda value, name=name: setattr(torch.backends.cudnn, name, value),
        )
        for name in ("enabled", "benchmark", "deterministic")
    ),
)


@contextmanager
def process_untouched() -> Iterator[None]:
    """On leaving, torch's settings, random numbers, warning filters and sys.path are as before.

    See `random_untouched` for random numbers where other threads are at work.
    """
    settings = [read() for read, _ in _SETTINGS]
    both: tuple[Any, Any] = (warnings.filters, sys.path)
    lists = [(values, values.copy()) for values in both]
    try:
        with random_untouched():
            yield
    finally:
        for before, (read, write) in zip(settings, _SETTINGS, strict=True):
            if read() != before:
                write(before)
        for values, copy in lists:
            if values != copy:
                values[:] = copy
                with warnings.catch_warnings():
                    pass  # on leaving it, Python notices that the filters changed


@contextmanager
def random_untouched() -> Iterator[None]:
    """On leaving, the process's generators of random numbers are as before, where they changed.

    There is one of each for all threads. Where another one is at work that may have drawn from them
    meanwhile, what was drawn stays drawn, because nobody is to get the same numbers again; a new
    seed of torch's is taken back all the same.
    """
    seed, torch_state = torch.initial_seed(), torch.get_rng_state()
    python_state = random.getstate()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    numpy_random = sys.modules.get("numpy.random")
    # Not the legacy form, which is slow.
    numpy_state = numpy_random.get_state(legacy=False) if numpy_random is not None else None
    try:
        yield
    finally:
        alone = threading.active_count() == 1 or _alone()
        if torch.initial_seed() != seed or alone:
            torch.set_rng_state(torch_state)
            if cuda_states is not None:
                torch.cuda.set_rng_state_all(cuda_states)
        if alone:
            random.setstate(python_state)
            # To set it takes twice as long as to see that nothing was drawn.
            if numpy_random is not None and not _same(
                numpy_random.get_state(legacy=False), numpy_state
            ):
                numpy_random.set_state(numpy_state)


def _same(a: Any, b: Any) -> bool:
    """Whether two states of NumPy's generators are, which are nested and hold arrays."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a.tobytes() == b.tobytes() if hasattr(a, "tobytes") else a == b)


def _alone() -> bool:
    """Whether no other thread is at work; those of notebooks and progress bars are daemons."""
    frames = sys._current_frames()
    # Else it would hold itself, and with it what all threads worked on, until the collector came.
    del frames[threading.get_ident()]
    return all(
        thread.daemon
        or thread.ident not in frames
        or frames[thread.ident].f_globals.get("__name__") in _WAITING
        for thread in threading.enumerate()
    )


# Where a thread stands that waits: for another, for work, or for its own trace.
_WAITING = frozenset(
    """
    concurrent.futures.thread queue threading
    shufflenet_flops.counters.sandbox shufflenet_flops.trace.trace
    """.split()
)
