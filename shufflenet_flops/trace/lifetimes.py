"""When each storage of a trace is made, and when the last tensor that shares it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor, UntypedStorage

from shufflenet_flops.peak.timeline import Moment, Storage, Term, Timeline
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.recurrent_steps import CELLS, in_steps
from shufflenet_flops.trace.rules import FREE
from shufflenet_flops.trace.torch_private import without_functions, written_arguments
from shufflenet_flops.trace.workspace import RULES, Rule
from shufflenet_flops.trace.workspace.cpu import kernels
from shufflenet_flops.trace.workspace.recurrent import beside_steps, is_one_kernel

aten = torch.ops.aten
_BATCH_NORM, _IN_TRAINING = aten.native_batch_norm.default, 5
# Functions that torch runs on the CPU as one kernel of oneDNN, and a trace step by step.
_OTHER_KERNELS = frozenset({"lstm", "torch.lstm"})
_SCALAR = aten.scalar_tensor.default


class _Made:
    """A storage that the trace made: how many stand for it, and when the last of these died."""

    __slots__ = ("born", "bytes", "died", "dtype", "is_cast", "is_gradient", "shape", "standing")

    def __init__(
        self, size: int, born: int, shape: tuple[int, ...], dtype: torch.dtype | None
    ) -> None:
        self.bytes = size
        self.born = born
        self.died: int | None = None
        self.shape = shape
        self.dtype = dtype
        self.standing = 1
        self.is_gradient = self.is_cast = False


class Lifetimes:
    """Notes what every call of an op makes, and is told by Python when that is gone.

    Storages are known by their ids, which are unique among the living. Those of `held` tensors, by
    name, belong to the caller and are there all the time.
    """

    def __init__(self, **held: Iterable[Tensor]) -> None:
        # A storage of the caller's is held; one that the trace made is watched.
        self._known: dict[int, tuple[Any, _Made | None]] = {}
        self._made: list[_Made] = []
        self._moments: list[Moment] = []
        self._held: dict[str, int] = {}
        self._not_known: dict[str, None] = {}
        self._path, self._is_away = "", False
        self._beside: Callable[[str], tuple[Term, ...]] | None = None
        for name, tensors in held.items():
            self.hold(name, tensors)

    def hold(self, name: str, tensors: Iterable[Tensor]) -> None:
        """Tensors that belong to the caller; what several share counts once, where it is first."""
        self._held[name] = sum(map(self._hold, tensors))

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Tensors that are the trace's own."""
        for x in tensors:
            self._hold(x)

    def _hold(self, x: Tensor) -> int:
        """The bytes of a storage that the caller holds, if it has not been met before."""
        storage = x.untyped_storage()
        if id(storage) in self._known:
            return 0
        self._known[id(storage)] = (storage, None)
        return storage.nbytes()

    def _know(self, storage: UntypedStorage, made: _Made | None) -> None:
        key = id(storage)
        watched = storage if made is None else ref(storage, partial(self._forget, key))
        self._known[key] = (watched, made)

    def _forget(self, key: int, _: Any) -> None:
        _, made = self._known.pop(key)
        assert made is not None
        made.standing -= 1
        if not made.standing:
            made.died = len(self._moments)

    def stand_in(self, origin: Tensor, other: Tensor) -> None:
        """`other` stands for the memory of `origin`, which is alive as long as either."""
        with without_functions():
            known = self._known.get(id(origin.untyped_storage()))
            made = known[1] if known else None
            if made is not None:
                made.standing += 1
            self._know(other.untyped_storage(), made)

    def called(self, path: str, function: str, func: Any, args: Any, out: Any) -> None:
        """An op was called: what is new in its result was made now."""
        if func is _SCALAR and function != "scalar_tensor":
            return  # a number that is written to a tensor, of which torch makes none on the CPU
        self._path = path
        if self._is_away:
            return
        if function in _OTHER_KERNELS:
            lstm = f"lstm in {path}" if path else "lstm"
            self._not_known[f"what oneDNN takes for {lstm}"] = None
        name, may_alias, dropped, workspace = _known_of(func)
        before = len(self._made)
        if func is _BATCH_NORM and not args[_IN_TRAINING]:
            out = out[0]  # statistics are saved in training alone
        with without_functions():
            if out.__class__ is Tensor:
                self._note(out, may_alias, args)
            else:
                for x in tensors_of(out):
                    self._note(x, may_alias, args)
        if dropped is not None:
            for size in dropped(args, out):
                made = _Made(size, len(self._moments), (), None)
                made.died = made.born + 1
                self._made.append(made)
        terms = workspace(args, out) if workspace is not None else ()
        if self._beside is not None:
            terms += self._beside(name)
        if terms or len(self._made) > before:
            self._moments.append(Moment(path, name, terms))

    def recurrent(
        self,
        function: str,
        call: Callable[..., Any],
        args: Any,
        kwargs: Any,
        *,
        differentiates: bool,
    ) -> Any:
        """The result of a recurrent layer's function, which the CPU takes otherwise than in steps.

        What an LSTM's kernel keeps for its backward pass is not known.
        """
        if differentiates and function in CELLS and len(args) == 9 and not kwargs:
            return in_steps(function, *args) if isinstance(args[1], Tensor) else call(*args)
        if kwargs or differentiates:
            return call(*args, **kwargs)
        self._is_away = is_one_kernel(function, args)
        self._beside = beside_steps(function, args)
        try:
            out = call(*args)
        finally:
            is_away, self._is_away, self._beside = self._is_away, False, None
        if is_away:
            self.called(self._path, "", aten.lstm.input, args, out)
        return out

    def gradients(self, gradients: Iterable[Tensor | None]) -> None:
        """What was made for gradients of parameters, which stay until the next step."""
        for gradient in gradients:
            if gradient is not None:
                _, made = self._known.get(id(gradient.untyped_storage()), (None, None))
                if made is not None:
                    made.is_gradient = True

    def kept(self, x: Tensor) -> None:
        """What the op that was called last has made for a backward pass, from then on."""
        with without_functions():
            self._note(x, may_alias=False, args=())

    def is_cast(self, x: Tensor) -> None:
        """A tensor is a parameter in another type, which autocast keeps."""
        with without_functions():
            _, made = self._known.get(id(x.untyped_storage()), (None, None))
            if made is not None:
                made.is_cast = True

    def _note(self, x: Tensor, may_alias: bool, args: Any) -> None:
        """A result, if its storage is new."""
        storage = x.untyped_storage()
        if id(storage) in self._known:
            return
        size = storage.nbytes()
        if not size:
            return
        if may_alias and _is_of_another(storage, args):
            self._know(storage, None)
            return
        made = _Made(size, len(self._moments), tuple(x.shape), x.dtype)
        self._know(storage, made)
        self._made.append(made)

    def timeline(self) -> Timeline:
        """What was alive when; to be asked before the trace lets go of what is left."""
        moments, end = self._moments, len(self._moments)
        if any(made.born == end for made in self._made):  # what the last op kept
            moments, end = [*moments, Moment("", "end")], end + 1
        types = {made.dtype for made in self._made}
        names = {dtype: str(dtype or "").removeprefix("torch.") for dtype in types}
        storages = (
            Storage(
                made.bytes,
                made.born,
                end if made.died is None else made.died,
                made.shape,
                names[made.dtype],
                moments[made.born].path,
                moments[made.born].op,
                made.is_gradient,
                made.is_cast,
            )
            for made in self._made
        )
        return Timeline(
            self._held, tuple(moments), tuple(storages), kernels(), tuple(self._not_known)
        )


class _Known(NamedTuple):
    """What an op does with memory, whatever it is called with."""

    name: str
    may_alias: bool  # whether it may give back memory that it was given
    dropped: Callable[[Any, Any], Sequence[int]] | None
    workspace: Rule | None


@cache
def _known_of(func: Any) -> _Known:
    packet = func.overloadpacket
    may_alias = packet in FREE or bool(written_arguments(func))
    return _Known(packet.__name__, may_alias, _DROPPED.get(func), RULES.get(func))


def _layer_norm(args: Any, out: Any) -> Sequence[int]:
    if out[1] is not None:
        return ()
    x, axes, weight = args[:3]
    statistics = prod(x.shape[: x.dim() - len(axes)])
    itemsize = x.element_size() if weight is None else weight.element_size()
    return (statistics * itemsize,) * 2


def _attention(args: Any, out: Any) -> Sequence[int]:
    return (4 * prod(args[0].shape[:-1]),)  # the logarithm of each query's sum of exponentials


def _linear(args: Any, out: Any) -> Sequence[int]:
    x = args[0]
    return () if _is_flat(x) else (x.numel() * x.element_size(),)  # a copy of the input


# Bytes of results that torch's own functions drop at once, where the trace makes none.
_DROPPED = {
    aten.native_layer_norm.default: _layer_norm,
    aten.scaled_dot_product_attention.default: _attention,
    aten.linear.default: _linear,
}


def _is_flat(x: Tensor) -> bool:
    """Whether all axes but the last can be seen as one without a copy."""
    steps = [(size, step) for size, step in zip(x.shape[:-1], x.stride(), strict=False) if size > 1]
    return all(outer == size * inner for (_, outer), (size, inner) in pairwise(steps))


def _is_of_another(storage: UntypedStorage, args: Any) -> bool:
    """Whether a storage that was not met before is an argument's: a tensor that the model keeps."""
    return any(x.untyped_storage() is storage for x in tensors_of(args))
