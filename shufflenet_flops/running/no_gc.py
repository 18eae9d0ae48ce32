"""The garbage collector, out of the way for a while."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_gc(*, kept: bool = False) -> Iterator[None]:
    """Off, and on again afterwards if it was on.

    Where all that is made meanwhile is `kept`, it counts as old at once, as what has been looked
    through in vain.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if kept and enabled and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if enabled:
            gc.enable()


def collect_young() -> None:
    """What was made since and is garbage, so that its memory, which is at hand, is used again."""
    gc.collect(0)
