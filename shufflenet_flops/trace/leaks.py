"""Tensors of a trace that outlive it, as in an `lru_cache`: they are taken back.

A tensor without values is no use to anybody, and a model that finds one in its cache fails.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from ctypes import py_object
from functools import _lru_cache_wrapper
from queue import SimpleQueue
from threading import Thread
from types import CellType, FrameType, ModuleType
from typing import Any
from weakref import ref

from torch import Tensor

from shufflenet_flops.trace.kept import is_users

_PASSING = frozenset({tuple, FrameType})
_DEPTH = 12  # a tensor in a tuple in a dictionary in an object, and a little more


class Young:
    """What the garbage collector had not met yet when a trace began, to tell what came after."""

    def __init__(self) -> None:
        # Kept alive, as an id is only unique among the living. But for tuples: one from before
        # holds nothing of the trace, and Python cannot finish one that somebody else holds. And
        # for frames, which would hold what a thread has long done with.
        self._before = [x for x in gc.get_objects(generation=0) if type(x) not in _PASSING]

    def since(self) -> set[int]:
        """The ids of what was made since then, where the collector has not run."""
        before = {id(value) for value in self._before}
        self.forget()
        return {id(value) for value in gc.get_objects(generation=0)} - before

    def forget(self) -> None:
        """Let go of what was there: whoever keeps an error of the trace keeps this too."""
        self._before = []


def take_back(tensors: Iterable[ref[Tensor]], young: Young) -> None:
    """Remove the tensors that are still alive from whatever was there before the trace.

    What was made in the trace and holds one goes with it. Caches of functions are emptied, entries
    of containers deleted, attributes deleted or set to None. Warns where one cannot be reached.
    """
    tensors = [tensor for tensor in tensors if tensor() is not None]
    if not tensors:
        young.forget()
        return
    made = young.since()
    gc.collect(1)  # all that was made since the trace began, before an import in it and after
    tensors = [tensor for tensor in tensors if tensor() is not None]
    if not tensors:
        return
    _let_go([tensor() for tensor in tensors], made)
    gc.collect(1)
    left = sum(tensor() is not None for tensor in tensors)
    if left:
        warnings.warn(
            f"the model keeps {left} tensors of the trace, which have no values, in a place where "
            "they cannot be taken back: build it again before you run it",
            stacklevel=2,
        )


def _let_go(held: list[Any], made: set[int]) -> None:
    cells: list[CellType] = []
    ours: list[Any] = [held, made, cells]
    seen = set(map(id, held))
    for _ in range(_DEPTH):
        ids = {id(value) for value in held}
        above: list[Any] = []
        ours.append(above)
        for holder in gc.get_referrers(*held):
            if any(holder is own for own in ours) or isinstance(holder, FrameType):
                continue
            goes = id(holder) in made and not _stays(holder, made)
            if goes and isinstance(holder, CellType):
                cells.append(holder)
            if (goes or not _remove(holder, ids)) and id(holder) not in seen:
                seen.add(id(holder))
                above.append(holder)
        if not above:
            break
        held = above
    for cell in cells:  # of functions that an error came through, whose frames keep them
        cell.cell_contents = None


def _stays(holder: Any, made: set[int]) -> bool:
    """Whether what seems made in the trace is to stay: it belongs to what was there before.

    Such are the attributes of an object, a Python module that was imported, and a thread that runs.
    A dictionary is not met by the collector while it is empty: one that is a variable was there.
    """
    if isinstance(holder, ModuleType):
        return holder.__spec__ is not None
    if not isinstance(holder, dict):
        return isinstance(holder, Thread)
    for owner in gc.get_referrers(holder):
        if isinstance(owner, dict):
            return not _is_entry(owner, holder)
        if getattr(owner, "__dict__", None) is holder:
            return id(owner) not in made or _stays(owner, made)
    return True


def _is_entry(owner: dict[Any, Any], holder: Any) -> bool:
    """Whether `owner` is a user's dictionary: no variables, and not Python's for a thread's own."""
    keys = [key for key, value in owner.items() if value is holder]
    return not ("__module__" in owner or "__name__" in owner) and not any(
        isinstance(key, ref) or (isinstance(key, str) and key.startswith("thread.local."))
        for key in keys
    )


def _remove(holder: Any, ids: set[int]) -> bool:
    """Whether the values of these ids could be removed from their holder."""
    if isinstance(holder, _lru_cache_wrapper):
        holder.cache_clear()
    elif isinstance(holder, dict):
        for owner in gc.get_referrers(holder):
            if isinstance(owner, _lru_cache_wrapper):  # of a function's cache
                owner.cache_clear()
                return True
        _remove_entries(holder, ids)
    elif isinstance(holder, SimpleQueue):
        _remove_from_queue(holder, ids)
    elif isinstance(holder, list):
        for owner in gc.get_referrers(holder):
            if isinstance(owner, SimpleQueue):  # it counts what it keeps in the list
                _remove_from_queue(owner, ids)
                return True
        holder[:] = [value for value in holder if id(value) not in ids]
    elif isinstance(holder, deque):
        left = [value for value in holder if id(value) not in ids]
        holder.clear()
        holder.extend(left)
    elif isinstance(holder, set):
        holder.difference_update([value for value in holder if id(value) in ids])
    elif isinstance(holder, CellType):
        holder.cell_contents = None
    elif isinstance(holder, py_object):
        holder.value = ()  # for None it would go on keeping what it held before
        holder.value = None
    elif isinstance(holder, Future):
        _undone(holder)
    elif isinstance(holder, _future_of_asyncio()):
        holder.__init__(loop=holder.get_loop())
    else:
        return _remove_attribute(holder, ids)
    return True


def _remove_entries(holder: dict[Any, Any], ids: set[int]) -> None:
    """Of a dictionary, which may be that of a class or of a Python module.

    What is deleted from a class behind its back is found all the same, though it is gone. A module
    that a forward pass put among those that are imported is taken for made once its name is there.
    """
    for owner in gc.get_referrers(holder):
        if isinstance(owner, Future) and vars(owner) is holder:
            _undone(owner)
            return
    keys = [key for key, value in holder.items() if id(value) in ids or id(key) in ids]
    module = sys.modules.get(name) if isinstance(name := holder.get("__name__"), str) else None
    if module is not None and vars(module) is holder and module.__spec__ is None:
        del sys.modules[module.__name__]
    for owner in gc.get_referrers(holder):
        if isinstance(owner, type) and all(key in vars(owner) for key in keys):
            for key in keys:
                type.__delattr__(owner, key)
            return
    for key in keys:
        del holder[key]


def _remove_from_queue(queue: SimpleQueue[Any], ids: set[int]) -> None:
    """By its own ways: its insides are C's, and of another kind in each version of Python."""
    values = [queue.get_nowait() for _ in range(queue.qsize())]
    for value in values:
        if id(value) not in ids:
            queue.put(value)


def _future_of_asyncio() -> Any:
    """The class, of C; nothing where it is not imported."""
    return getattr(sys.modules.get("_asyncio"), "Future", ())


def _undone(future: Future[Any]) -> None:
    """As before it had a result: it got one in the trace."""
    vars(future).update(_state="PENDING", _result=None, _exception=None)


def _remove_attribute(holder: Any, ids: set[int]) -> bool:
    """Deleted where a library's object got a new one, else None: a class of the user's has it."""
    slots = [slot for kind in type(holder).__mro__ for slot in _slots_of(kind)]
    removed = False
    for name in [*getattr(holder, "__dict__", ()), *slots]:
        if id(getattr(holder, name, None)) in ids:
            if not is_users(type(holder)):
                delattr(holder, name)
            else:
                try:
                    setattr(holder, name, None)
                except AttributeError:  # of a frozen dataclass
                    object.__setattr__(holder, name, None)
            removed = True
    return removed


def _slots_of(kind: type) -> tuple[str, ...]:
    names = vars(kind).get("__slots__", ())
    return (names,) if isinstance(names, str) else tuple(names)
