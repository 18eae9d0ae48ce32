"""Where a forward pass waits for, and gets results from, a thread or process that is not followed.

Their work is not seen, and a silent 0 would stand for it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace.arguments import tensors_of

LONGEST_S = 60.0  # that forward may wait for another thread, and where one has failed already
SHORT_S = 1.0
# Where a pool of threads or processes gives results, and where a process gives something to
# another, or is begun; none is imported for this.
_OF_POOLS = (
    ("queue", "Queue", "get"),
    ("concurrent.futures", "Future", "result"),
    ("multiprocessing.pool", "ApplyResult", "get"),
    ("multiprocessing.pool", "IMapIterator", "next"),
)
_OF_PROCESSES = (
    ("multiprocessing.queues", "Queue", "get"),
    ("multiprocessing.queues", "SimpleQueue", "get"),
    ("multiprocessing.connection", "Connection", "recv"),
)
_BEGINNINGS = (("multiprocessing.process", "BaseProcess", "start"), ("os", "", "fork"))


class Watcher(Protocol):
    """Who is told of what the threads of a forward pass wait for."""

    def is_followed(self) -> bool:
        """Whether the thread that asks is, so that its work is seen."""

    def was_followed(self, ident: int) -> bool:
        """Whether a thread has done work that was seen."""

    def arrived(self, x: Any) -> None:
        """A followed thread got a tensor."""

    def hidden(self) -> AbstractContextManager[None]:
        """Within it, the trace sees nothing of what the thread does."""

    def unseen(self) -> None:
        """A followed thread waited for one that is not."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """While inside, the watcher is told what followed threads wait for, and which tensors they get.

    Raises ModelError in a thread that waits in vain, as where the other one failed on a tensor
    without values.
    """
    waits = _Waits(watcher)
    places: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (threading.Condition, "wait", waits.waiting),
        (threading.Condition, "notify", waits.notifying),
        (threading, "excepthook", waits.failing),
    ]
    places += _wrapped(_OF_POOLS, lambda receive: _receiving(receive, watcher, watcher.arrived))
    places += _wrapped(
        _OF_PROCESSES, lambda receive: _receiving(receive, watcher, lambda x: watcher.unseen())
    )
    places += _wrapped(_BEGINNINGS, lambda begin: _beginning(begin, watcher))
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in places]
    for owner, name, wrap in places:
        setattr(owner, name, wrap(getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, own in before:
            if own is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def _wrapped(
    places: Iterable[tuple[str, str, str]], wrap: Callable[[Any], Any]
) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    """Those of modules that are there, and how each is to be changed."""
    for module, kind, name in places:
        owner: Any = sys.modules.get(module)
        owner = getattr(owner, kind, None) if kind else owner
        if owner is not None and hasattr(owner, name):
            yield owner, name, wrap


def _receiving(
    receive: Callable[..., Any], watcher: Watcher, arrived: Callable[[Any], None]
) -> Callable[..., Any]:
    def receiving(self: Any, *args: Any, **kwargs: Any) -> Any:
        value = receive(self, *args, **kwargs)
        if watcher.is_followed():
            for tensor in tensors_of(value):
                arrived(tensor)
        return value

    return receiving


def _beginning(begin: Callable[..., Any], watcher: Watcher) -> Callable[..., Any]:
    def beginning(*args: Any, **kwargs: Any) -> Any:
        if not watcher.is_followed():
            return begin(*args, **kwargs)
        watcher.unseen()
        with watcher.hidden():  # a process that is forked here is no part of the trace
            return begin(*args, **kwargs)

    return beginning


class _Waits:
    """What threads wait for, all of which comes down to `threading.Condition`."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._waiting: list[threading.Condition] = []
        self._notified_by: dict[int, int] = {}  # threads, by the ids of conditions
        self._failed: dict[int, str] = {}  # how threads did that are not followed

    def waiting(self, wait: Callable[..., bool]) -> Callable[..., bool]:
        """`Condition.wait`, which ends."""

        def waiting(condition: threading.Condition, timeout: float | None = None) -> bool:
            watcher = self._watcher
            if not watcher.is_followed():
                return wait(condition, timeout)
            self._notified_by.pop(id(condition), None)
            self._waiting.append(condition)
            longest = SHORT_S if self._failed else LONGEST_S
            try:
                done = wait(condition, longest if timeout is None else timeout)
            finally:
                self._waiting.remove(condition)
            by = self._notified_by.get(id(condition), 0)
            why = f", which failed ({self._failed[by]})" if by in self._failed else ""
            if why or not (done or timeout is not None):
                raise ModelError(f"forward waited for another thread{why}: {_WAY_OUT}")
            if done and not watcher.was_followed(by):
                watcher.unseen()
            return done

        return waiting

    def notifying(self, notify: Callable[..., None]) -> Callable[..., None]:
        """`Condition.notify`, which tells who it was."""

        def notifying(condition: threading.Condition, n: int = 1) -> None:
            self._notified_by[id(condition)] = threading.get_ident()
            notify(condition, n)

        return notifying

    def failing(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """`threading.excepthook`, after which nobody waits for the thread that failed."""

        def failing(failure: Any) -> None:
            hook(failure)
            why = f"{failure.exc_type.__name__}: {failure.exc_value}".splitlines()[0]
            self._failed[threading.get_ident()] = why
            for condition in self._waiting.copy():
                with condition:
                    condition.notify_all()

        return failing


_WAY_OUT = (
    "what a thread does that was there before cannot be seen, and it may have failed on a tensor "
    "without values; let forward do the work itself, or start the thread"
)
