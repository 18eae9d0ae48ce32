"""Results that a forward pass gets from a thread or process that is not followed.

Their work is not seen, and a silent 0 would stand for it. It is told where it arrives: by a tensor
that no op of the trace made.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace.arguments import tensors_of

UNSEEN = "the work of another thread or process"
LONGEST_S = 60.0  # that forward may wait for what another thread puts in a queue
# Where a process hands something to another; none is imported for this.
_OF_PROCESSES = (
    ("multiprocessing.queues", "Queue", "get"),
    ("multiprocessing.queues", "SimpleQueue", "get"),
    ("multiprocessing.connection", "Connection", "recv"),
    ("multiprocessing.pool", "ApplyResult", "get"),
)


@contextmanager
def watched(is_followed: Callable[[], bool], note: Callable[[Any], None]) -> Iterator[None]:
    """While inside, `note` is told the tensors that a followed thread gets from elsewhere.

    Raises ModelError in a thread that waits in vain, as where the other one failed on a tensor
    without values.
    """
    places: list[tuple[Any, str]] = [(queue.Queue, "get"), (Future, "result")]
    for module, kind, name in _OF_PROCESSES:
        owner = getattr(sys.modules.get(module), kind, None)
        if owner is not None:
            places.append((owner, name))
    before = [(owner, name, owner.__dict__.get(name)) for owner, name in places]
    for owner, name in places:
        setattr(owner, name, _receiving(getattr(owner, name), owner, is_followed, note))
    try:
        yield
    finally:
        for owner, name, own in before:
            if own is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def _receiving(
    receive: Callable[..., Any],
    owner: type,
    is_followed: Callable[[], bool],
    note: Callable[[Any], None],
) -> Callable[..., Any]:
    def receiving(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_followed():
            return receive(self, *args, **kwargs)
        if owner is queue.Queue and not args and not kwargs:
            try:
                value = receive(self, timeout=LONGEST_S)
            except queue.Empty:
                raise ModelError(
                    f"forward waited {LONGEST_S:.0f} s for another thread to put something in a "
                    "queue: what a thread does that was there before cannot be seen, and it may "
                    "have failed on a tensor without values; let forward do the work itself, or "
                    "start the thread"
                ) from None
        else:
            value = receive(self, *args, **kwargs)
        for tensor in tensors_of(value):
            note(tensor)
        return value

    return receiving
