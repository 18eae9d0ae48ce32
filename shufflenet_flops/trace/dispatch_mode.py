"""The mode that watches the aten ops of a forward pass, and turns each into a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.counting import Row
from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.spec.ops import shape_text
from shufflenet_flops.trace.arguments import META, map_tensors, own_arguments, tensors_of
from shufflenet_flops.trace.call_site import first_shape
from shufflenet_flops.trace.facts import Facts, facts_of
from shufflenet_flops.trace.module_tree import Place
from shufflenet_flops.trace.rules import FREE
from shufflenet_flops.trace.shortcuts import Shortcuts
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.torch_private import DispatchMode, arguments_of

# Functions and ops that ask a tensor for its values, which a stand-in does not have.
ASKING = frozenset(
    """
    item tolist numpy nonzero nonzero_static __array__ __bool__ __complex__ __contains__ __float__
    __index__ __int__ _local_scalar_dense _unique2 bincount equal is_nonzero masked_select unique
    unique_consecutive unique_dim repeat_interleave _pack_padded_sequence
    """.split()
)


_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


# A call of an op: its result, what it does, and the tensors among its arguments in order.
WorkedOut = tuple[Any, Facts | str | None, list[Tensor]]


class Tracer(DispatchMode):
    """Turns every aten op into a row.

    With `values` ops are run for real, else only what they would return is worked out, on the meta
    device.
    """

    def __init__(self, state: State, shortcuts: Shortcuts, values: bool) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self.function = ""  # the bare name of the torch function that is running
        self.callee: Any = ""  # the function itself, or a name for how it was called
        self.calls: list[tuple[Place, IntShape]] = []
        self.failed: str = ""
        self.asked_for_values = False
        self.values = values
        self.state = state
        self._work_out = shortcuts.work_out or work_out
        self._place = _NOWHERE
        self._stand_ins: dict[int, Tensor] = {}

    def call(self, place: Place, forward: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a module's own call, remembering that it is the one running."""
        outer, self._place = self._place, place
        try:
            output = forward(*args, **kwargs)
            self.calls.append((place, first_shape(output)))
            return output
        except Exception as error:
            self.note_failure("", args, kwargs, error)
            raise
        finally:
            self._place = outer

    def note_failure(self, op: str, args: Any, kwargs: Any, error: Exception) -> None:
        """Remember the innermost place, op and shapes of a failure."""
        # Torch raises NotImplementedError where a meta tensor is asked for its data.
        if op in ASKING or isinstance(error, NotImplementedError):
            self.asked_for_values = True
        if not self.failed:
            shapes = ", ".join(shape_text(t.shape) for t in tensors_of((args, kwargs)))
            where = f" in {self._place.path!r}" if self._place.path else ""
            self.failed = f"{where} at {op}({shapes})" if op else f"{where} on ({shapes})"

    def has_values(self, tensor: Any) -> bool:
        """Whether it is a constant written in the code that nothing has worked on yet."""
        if not isinstance(tensor, Tensor) or tensor.is_meta:
            return False
        return id(tensor) not in self._stand_ins and tensor not in self.state

    def to_meta(self, x: Tensor) -> Tensor:
        """A stand-in of the same shape, strides and dtype that holds no data."""
        if x.is_meta:
            return x
        stand_in = self._stand_ins.get(id(x))
        if stand_in is None or stand_in.shape != x.shape:
            stand_in = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
            self._stand_ins[id(x)] = stand_in
            self.state.keep(x)
            self.state.stand_in(x, stand_in)
        return stand_in

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.looks_away:
            return func(*args, **(kwargs or {}))
        try:
            run = self._rename if func.overloadpacket in FREE else self.op
            return run(func, args, kwargs or _NO_KWARGS)
        except Exception as error:
            self.note_failure(str(func.overloadpacket.__name__), args, kwargs, error)
            raise

    def op(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] = _NO_KWARGS) -> Any:
        """One aten op that is not free: its result, and its row."""
        if self.values:
            operands = list(tensors_of((args, kwargs)))
            out = func(*args, **kwargs)
            facts = self.facts(func, args, kwargs, operands, out)
        else:
            out, facts, operands = self._work_out(self, func, args, kwargs)
        if facts is not None:
            self._record(facts, operands)
        if isinstance(out, Tensor) and not (out.is_meta or self.values):
            self.to_meta(out)  # a constant was written to, in name only: its values are not its own
        return out

    def facts(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        operands: Iterable[Tensor],
        out: Any,
    ) -> Facts | str | None:
        """See `facts_of`."""
        return facts_of(func, args, kwargs, operands, out, self.function, self.state)

    def on_meta(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call as torch's meta kernel takes them."""
        meta_args = tuple(map_tensors(self.to_meta, arg) for arg in args)
        meta_kwargs = {key: map_tensors(self.to_meta, arg) for key, arg in kwargs.items()}
        if any(name == "device" for name, _ in arguments_of(func)):
            meta_kwargs["device"] = META
        return meta_args, meta_kwargs

    def _rename(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """A view, a new name or an allocation: views are made for real, they cost nothing."""
        if self.values or func is _LIFT_FRESH or (func is _ITEM and self.has_values(args[0])):
            out = func(*args, **kwargs)  # a constant written in the code has its values
        else:
            meta_args, meta_kwargs = self.on_meta(func, args, kwargs)
            out = func(*meta_args, **meta_kwargs)
            if meta_args and out is meta_args[0]:
                return args[0]
        if args and isinstance(args[0], Tensor) and args[0] in self.state:
            for tensor in tensors_of(out):
                self.state.stand_in(args[0], tensor)
        return out

    def _record(self, facts: Facts | str, operands: Iterable[Tensor]) -> None:
        if isinstance(facts, str):
            self.unknown[facts] += 1
            return
        params = self.state.first_uses(operands) if facts.uses_state else 0
        work, place = facts.work, self._place
        self.rows.append(
            Row(
                place.path,
                work.op,
                work.kind,
                facts.inputs,
                facts.output,
                work.counts,
                params,
                facts.read_bytes,
                facts.write_bytes,
                work.kernel,
                work.stride,
                work.groups,
                place.call(self.callee),
                place.training,
                facts.aten,
                facts.operands,
                facts.weighted,
            )
        )


def work_out(
    tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> WorkedOut:
    """A call on the meta device, by torch's own kernels for it."""
    operands = list(tensors_of((args, kwargs)))
    meta_args, meta_kwargs = tracer.on_meta(func, args, kwargs)
    out = own_arguments(
        func(*meta_args, **meta_kwargs),
        (*meta_args, *meta_kwargs.values()),
        (*args, *kwargs.values()),
    )
    return out, tracer.facts(func, args, kwargs, operands, out), operands


_NOWHERE = Place(None, "")
_ITEM = torch.ops.aten._local_scalar_dense.default
_LIFT_FRESH = torch.ops.aten.lift_fresh.default
