"""Tensors that no op of a trace made, or that somebody else wrote to: what made them is not seen.

A thread that was there before the trace, another process, a library that takes the memory of a
tensor: a silent 0 would stand for their work. It is told where a forward pass first uses what came
of it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor, UntypedStorage

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.torch_private import written_arguments

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

UNSEEN = "the work of another thread, process or library"
# Functions by which what a tensor holds leaves torch, and those that make tensors of such.
_LEAVING = frozenset(
    {
        Tensor.numpy,
        Tensor.__array__,
        Tensor.__dlpack__,
        Tensor.untyped_storage,
        Tensor.share_memory_,
    }
)
_COPYING = frozenset({torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor})
_OURS = __name__.partition(".")[0]
_WAITING = sys.stdlib_module_names | {
    *("IPython", "ipykernel", "jupyter_client", "tornado", "traitlets", "zmq"),
    *("debugpy", "_pydevd_bundle", "pydevd", "execnet", "pytest_timeout", "tqdm", "torch"),
}
_LIFT_FRESH = torch.ops.aten.lift_fresh.default
_PYTHONS = (list, tuple, bool, int, float, complex, Tensor)  # all but another library's arrays


def others_at_work() -> bool:
    """Whether another thread of Python's runs code that may make a tensor for a forward pass.

    One that waits for the trace does not, nor does one of which all code is of those that wait: of
    Python itself, of notebooks, debuggers and test runners.
    """
    frames = sys._current_frames()
    frames.pop(get_ident(), None)
    return any(map(is_at_work, frames.values()))


def is_at_work(frame: FrameType | None) -> bool:
    """Whether code that is called in a thread, of which this is the innermost, is no library's."""
    names = set()
    while frame is not None:
        names.add(str(frame.f_globals.get("__name__", "")).partition(".")[0])
        frame = frame.f_back
    return _OURS not in names and not names <= _WAITING


def note_unseen(unknown: list[str]) -> None:
    """Add to what is unknown, once, that there was work that is not seen."""
    if UNSEEN not in unknown:
        unknown.append(UNSEEN)


class _Memory:
    """A storage: the version of its tensors when it was met, and writes seen since.

    `made` tells that the trace made it, where others were there before.
    """

    __slots__ = ("made", "storage", "version", "writes")

    def __init__(self, storage: ref[UntypedStorage], version: int, made: bool) -> None:
        self.storage = storage
        self.version = version
        self.made = made
        self.writes = 0


class Strangers:
    """Knows the memory of every tensor of a trace, and notes once that there was another.

    Tensors from before the trace are no strangers, which the garbage collector tells: it is off
    meanwhile, so that all that is new is of its youngest generation.
    """

    def __init__(self, state: State, unknown: list[str], values: bool) -> None:
        self._state = state
        self._unknown = unknown
        self._values = values
        self._known: dict[int, _Memory] = {}  # by the ids of storages, unique among the living
        self._moved: list[Tensor] = []  # to other memory, by forward itself
        self._left = False  # whether what a tensor holds has left torch
        gc.collect(0)
        for x in state.held():
            self.met(x, made=False)

    def met(self, x: Tensor, made: bool = True) -> None:
        """Take a tensor for one of the trace's, or for one that was there before."""
        with torch_private.without_functions():
            x = torch_private.untransformed(x)
            if not is_dense(x) or torch_private.is_transformed(x):
                return
            storage = x.untyped_storage()
            if not self._is_known(storage):
                self._known[id(storage)] = _Memory(ref(storage), _version(x), made)

    def function(self, function: Any, args: tuple[Any, ...]) -> None:
        """A function of torch is called."""
        if self._values and function in _LEAVING and args[0] not in self._state:
            self._left = self._left or self._is_made(args[0])
        copies = self._left and function in _COPYING and not isinstance(args[-1], _PYTHONS)
        if copies or function is Tensor.share_memory_:
            note_unseen(self._unknown)

    def op(self, func: Any, function: str, args: tuple[Any, ...], kwargs: Any) -> None:
        """An op is called, by a function of that name."""
        if self._left and not function and _takes_memory(func, args, self._is_known):
            note_unseen(self._unknown)
        if func is _LIFT_FRESH:
            self.met(args[0])  # which forward's own code has made, as of a list or an array
            return
        with torch_private.without_functions():
            # A list among indices becomes a tensor within torch, and an index is no work.
            by_index = function in ("__getitem__", "__setitem__")
            self.used(tensors_of(args[:1] if by_index else (args, kwargs)))
            if func.overloadpacket is torch.ops.aten.set_:
                self._moved.append(args[0])
            for position, name in written_arguments(func):
                target = args[position] if position < len(args) else kwargs.get(name)
                for x in tensors_of(target):
                    self._written(x)

    def used(self, tensors: Iterable[Tensor]) -> None:
        """Tensors that an op gets, or that the model gives back."""
        with torch_private.without_functions():
            for x in tensors:
                if x in self._state or not is_dense(x) or torch_private.is_transformed(x):
                    continue
                if any(x is moved for moved in self._moved):
                    continue
                storage = x.untyped_storage()
                if not self._is_known(storage):
                    self.met(x, made=False)
                    if _is_young(x):
                        note_unseen(self._unknown)
                    continue
                known = self._known[id(storage)]
                if known.made and not self._values and not x.is_meta:
                    continue  # a constant, which the trace itself works out and writes to
                # Autograd may count a write that it is told of once more.
                if _version(x) > known.version + 2 * known.writes:
                    note_unseen(self._unknown)

    def _written(self, x: Tensor) -> None:
        if is_dense(x) and not torch_private.is_transformed(x):
            known = self._known.get(id(x.untyped_storage()))
            if known is not None:
                known.writes += 1

    def _is_made(self, x: Tensor) -> bool:
        with torch_private.without_functions():
            known = self._known.get(id(x.untyped_storage())) if is_dense(x) else None
        return known is not None and known.made

    def _is_known(self, storage: Any) -> bool:
        known = self._known.get(id(storage))
        return known is not None and known.storage() is storage


def _version(x: Tensor) -> int:
    return 0 if x.is_inference() else x._version


def _is_young(x: Tensor) -> bool:
    return any(value is x for value in gc.get_objects(0))


def _takes_memory(func: Any, args: tuple[Any, ...], is_known: Callable[[Any], bool]) -> bool:
    """Whether an op makes a tensor of memory that comes from outside of torch."""
    if func is _LIFT_FRESH:
        return True
    storages = (arg for arg in args if isinstance(arg, torch.storage.TypedStorage | UntypedStorage))
    return any(not is_known(getattr(storage, "_untyped_storage", storage)) for storage in storages)


class _Results(list[ref[Tensor]]):
    """What the trace made, which is known from then on."""

    def __init__(self, strangers: Strangers) -> None:
        super().__init__()
        self._strangers = strangers

    def append(self, made: ref[Tensor], /) -> None:
        super().append(made)
        x = made()
        if x is not None:
            self._strangers.met(x)


def look_for_strangers(tracer: Tracer) -> None:
    """From here on a tracer tells where tensors arrive that it did not make."""
    tracer.strangers = Strangers(tracer.state, tracer.unknown, tracer.values)
    tracer.results = _Results(tracer.strangers)
    tracer.constants.results = _Results(tracer.strangers)
