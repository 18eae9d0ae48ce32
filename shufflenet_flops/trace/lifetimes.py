"""When each storage of a trace is made, and when the last tensor that shares it is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import ref

import torch
from torch import Tensor, UntypedStorage

from shufflenet_flops.peak.timeline import Moment, Storage, Timeline
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.op_memory import memory_of
from shufflenet_flops.trace.torch_private import without_functions
from shufflenet_flops.trace.workspace.cpu import kernels

aten = torch.ops.aten
_new: Any = tuple.__new__  # past the methods of named tuples, which take half as long again


class _Made(ref[UntypedStorage]):
    """A storage that the trace made: how many stand for it, and when the last of these died."""

    __slots__ = (
        *("born", "bytes", "died", "dtype", "is_cast", "is_gradient", "key", "shape", "standing"),
    )
    key: int  # of the storage, by its id
    bytes: int
    born: int
    died: int | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    standing: int
    is_cast: bool
    is_gradient: bool


class _Other(ref[UntypedStorage]):
    """A storage that stands for one that the trace made."""

    __slots__ = ("key", "made")
    key: int
    made: _Made


def _gone(known: dict[int, Any], moments: list[Moment], storage: _Made | _Other) -> None:
    """Python lets go of a storage."""
    del known[storage.key]
    made = storage.made if isinstance(storage, _Other) else storage
    made.standing -= 1
    if not made.standing:
        made.died = len(moments)


class Lifetimes:
    """Notes what every call of an op makes, and is told by Python when that is gone.

    Storages are known by their ids, which are unique among the living. Those of `held` tensors, by
    name, belong to the caller and are there all the time.
    """

    def __init__(self, **held: Iterable[Tensor]) -> None:
        # A storage of the caller's is held; one that the trace made is watched.
        self._known: dict[int, UntypedStorage | _Made | _Other] = {}
        self._made: list[_Made] = []
        self._dropped: list[tuple[int, int]] = []  # bytes, and the moment at which they were there
        self._moments: list[Moment] = []
        self._when_gone = partial(_gone, self._known, self._moments)
        self._held: dict[str, int] = {}
        self.is_away = False
        for name, tensors in held.items():
            self.hold(name, tensors)

    def hold(self, name: str, tensors: Iterable[Tensor]) -> None:
        """Tensors that belong to the caller; what several share counts once, where it is first."""
        storages = {id(storage): storage for storage in [x.untyped_storage() for x in tensors]}
        for key in storages.keys() & self._known.keys():
            del storages[key]
        self._known |= storages
        self._held[name] = sum(map(UntypedStorage.nbytes, storages.values()))

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Tensors that are the trace's own."""
        for x in tensors:
            storage = x.untyped_storage()
            self._known.setdefault(id(storage), storage)

    def _made_for(self, x: Tensor) -> _Made | None:
        """What the trace made that a tensor shows; None for what is the caller's, or not known."""
        known = self._known.get(id(x.untyped_storage()))
        if isinstance(known, _Other):
            return known.made
        return known if isinstance(known, _Made) else None

    def stand_in(self, origin: Tensor, other: Tensor) -> None:
        """`other` stands for the memory of `origin`, which is alive as long as either."""
        with without_functions():
            storage, made = other.untyped_storage(), self._made_for(origin)
            if made is None:
                self._known[id(storage)] = storage
                return
            watched = _Other(storage, self._when_gone)
            watched.key, watched.made = id(storage), made
            self._known[id(storage)] = watched
            made.standing += 1

    def called(self, path: str, function: str, func: Any, args: Any, out: Any) -> None:
        """An op was called: what is new in its result was made now.

        Here is what is done for every op of a trace, so that it is all in one.
        """
        if self.is_away:
            return
        name, may_alias, results, dropped, workspace = memory_of(func)
        before = len(self._made)
        if results is not None:
            out = results(function, args, out)
        if not (may_alias and args and out is args[0]):  # as of an op in place
            with without_functions():
                for x in out if out.__class__ is tuple else (out,):
                    if x.__class__ is Tensor:
                        self._note(x, may_alias, args)
                    else:
                        for part in tensors_of(x):
                            self._note(part, may_alias, args)
        terms = workspace(args, out) if workspace is not None else ()
        sizes = dropped(args, out) if dropped is not None else ()
        if sizes:
            self._dropped += [(size, len(self._moments)) for size in sizes]
        if terms or sizes or len(self._made) > before:
            self._moments.append(_new(Moment, (path, name, terms)))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Within it nothing is noted."""
        before, self.is_away = self.is_away, True
        try:
            yield
        finally:
            self.is_away = before

    def gradients(self, gradients: Iterable[Tensor | None]) -> None:
        """What was made for gradients of parameters, which stay until the next step."""
        for gradient in gradients:
            made = self._made_for(gradient) if gradient is not None else None
            if made is not None:
                made.is_gradient = True

    def kept(self, x: Tensor) -> None:
        """What the op that was called last has made for a backward pass, from then on."""
        with without_functions():
            self._note(x, may_alias=False, args=())

    def is_cast(self, x: Tensor) -> None:
        """A tensor is a parameter in another type, which autocast keeps."""
        with without_functions():
            made = self._made_for(x)
            if made is not None:
                made.is_cast = True

    def _note(self, x: Tensor, may_alias: bool, args: Any) -> None:
        """A result, if its storage is new."""
        storage = x.untyped_storage()
        key = id(storage)
        if key in self._known:
            return
        size = storage.nbytes()
        if not size:
            return
        if may_alias and _is_of_another(storage, args):
            self._known[key] = storage
            return
        made = _Made(storage, self._when_gone)
        made.key, made.bytes, made.shape, made.dtype = key, size, x.shape, x.dtype
        made.born, made.died, made.standing = len(self._moments), None, 1
        made.is_gradient = made.is_cast = False
        self._known[key] = made
        self._made.append(made)

    def timeline(self) -> Timeline:
        """What was alive when; to be asked before the trace lets go of what is left."""
        moments, end = self._moments, len(self._moments)
        if any(made.born == end for made in self._made):  # what the last op kept
            moments, end = [*moments, Moment("", "end")], end + 1
        types = {made.dtype for made in self._made}
        names = {dtype: str(dtype).removeprefix("torch.") for dtype in types}
        storages = []
        for made in self._made:
            born, died = made.born, end if made.died is None else made.died
            path, op, _ = moments[born]
            how = (made.shape, names[made.dtype], path, op, made.is_gradient, made.is_cast)
            storages.append(_new(Storage, (made.bytes, born, died, *how)))
        storages += [
            Storage(size, at, at + 1, (), "", moments[at].path, moments[at].op)
            for size, at in self._dropped
        ]
        return Timeline(self._held, tuple(moments), tuple(storages), kernels())


def _is_of_another(storage: UntypedStorage, args: Any) -> bool:
    """Whether a storage that was not met before is an argument's: a tensor that the model keeps."""
    return any(x.untyped_storage() is storage for x in tensors_of(args))
