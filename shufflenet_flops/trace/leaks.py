"""Tensors of a trace that outlive it, as in an `lru_cache`: they are taken back.

A tensor without values is no use to anybody, and a model that finds one in its cache fails.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Iterable
from functools import _lru_cache_wrapper
from queue import SimpleQueue
from types import CellType, FrameType
from typing import Any
from weakref import ref

from torch import Tensor

_DEPTH = 6  # a tensor in a tuple in a dictionary in an object, and a little more


def take_back(tensors: Iterable[ref[Tensor]]) -> None:
    """Remove the tensors that are still alive from whatever holds them.

    Caches of functions are emptied, entries of containers deleted, attributes deleted or set to
    None. Warns where one cannot be reached.
    """
    tensors = [tensor for tensor in tensors if tensor() is not None]
    if tensors:
        gc.collect(0)  # all that was made since the trace began, as the collector was off
    tensors = [tensor for tensor in tensors if tensor() is not None]
    if not tensors:
        return
    _let_go([tensor() for tensor in tensors])
    gc.collect(0)
    left = sum(tensor() is not None for tensor in tensors)
    if left:
        warnings.warn(
            f"the model keeps {left} tensors of the trace, which have no values, in a place where "
            "they cannot be taken back: build it again before you run it",
            stacklevel=2,
        )


def _let_go(held: list[Any]) -> None:
    ours = [held]
    for _ in range(_DEPTH):
        ids = {id(value) for value in held}
        above: list[Any] = []
        ours.append(above)
        for holder in gc.get_referrers(*held):
            if any(holder is own for own in ours) or isinstance(holder, FrameType):
                continue
            if not _remove(holder, ids):
                above.append(holder)
        if not above:
            return
        held = above


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
    elif isinstance(holder, set):
        holder.difference_update([value for value in holder if id(value) in ids])
    elif isinstance(holder, CellType):
        holder.cell_contents = None
    else:
        return _remove_attribute(holder, ids)
    return True


def _remove_entries(holder: dict[Any, Any], ids: set[int]) -> None:
    """Of a dictionary, which may be that of a class or of a Python module.

    What is deleted from a class behind its back is found all the same, though it is gone. A module
    that a forward pass put among those that are imported is taken for made once its name is there.
    """
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


def _remove_attribute(holder: Any, ids: set[int]) -> bool:
    names = [*getattr(holder, "__dict__", ()), *getattr(type(holder), "__slots__", ())]
    removed = False
    for name in names:
        if id(getattr(holder, name, None)) in ids:
            setattr(holder, name, None)
            removed = True
    return removed
