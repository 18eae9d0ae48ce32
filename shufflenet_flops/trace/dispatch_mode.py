"""The mode that watches the aten ops of a forward pass, and turns each into a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from threading import get_ident
from types import MappingProxyType
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from shufflenet_flops.counting import ModuleCall, Row
from shufflenet_flops.spec.ops import shape_text
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import META, map_tensors, new_tensors, op_name, tensors_of
from shufflenet_flops.trace.as_called import AsCalled
from shufflenet_flops.trace.autocast import Autocast
from shufflenet_flops.trace.call_site import first_shape
from shufflenet_flops.trace.constants import Constants
from shufflenet_flops.trace.copies import Preparation
from shufflenet_flops.trace.draws import Draws
from shufflenet_flops.trace.facts import Facts, facts_of
from shufflenet_flops.trace.failures import is_refusal
from shufflenet_flops.trace.lifetimes import Lifetimes
from shufflenet_flops.trace.module_tree import NOWHERE, Place
from shufflenet_flops.trace.rules import FREE
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.shortcuts import Shortcuts
from shufflenet_flops.trace.stand_ins import StandIns
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.strangers import Strangers
from shufflenet_flops.trace.torch_private import DispatchMode, arguments_of
from shufflenet_flops.trace.whole_layers import output_of
from shufflenet_flops.trace.worked_out import taken_apart, work_out

_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Tracer(DispatchMode):
    """Turns every aten op into a row.

    With `values` ops are run for real, else only what they would return is worked out, on the meta
    device.
    """

    def __init__(
        self, state: State, shortcuts: Shortcuts, values: bool, lifetimes: Lifetimes | None = None
    ) -> None:
        super().__init__()
        self.lifetimes = lifetimes
        self.differentiates = False  # whether autograd is to differentiate what runs
        self.rows: list[Row] = []
        self.unknown: list[str] = []  # by the call
        self.function = ""  # the bare name of the torch function that is running
        self.callee: Any = ""  # the function itself, or a name for how it was called
        self.prepared: Preparation | None = None  # by the function, on its way to a kernel
        self.calls: list[ModuleCall] = []
        self.failed: str = ""
        self.failed_op: str = ""  # the innermost op or function that failed
        self.refused = False  # by an op, for the shapes or types of its arguments
        self.values, self.batch = values, 0  # of the inputs
        self.state = state
        self.draws = Draws()
        self.constants = Constants(state, self.draws)
        self.results: list[ref[Tensor]] = []  # all that were made
        self._work_out = shortcuts.work_out or work_out
        self.silent = False  # no rows are written
        self.is_apart = False  # a call has its row, and its memory is that of its parts
        self.elsewhere: Callable[..., Any] | None = None  # a module's call in another thread
        self.strangers: Strangers | None = None  # where somebody else may make tensors
        self.as_called = AsCalled() if lifetimes is None else None
        self._thread, self._modes = get_ident(), torch_private.dispatch_modes()
        self.place = NOWHERE  # of the module that is running
        self._stand_ins = StandIns()
        self.autocast = Autocast(state, lifetimes, values=values)

    def call(self, place: Place, forward: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a module's own call, remembering that it is the one running."""
        if get_ident() != self._thread and self.elsewhere is not None:
            return self.elsewhere(place, args, kwargs)
        outer, self.place = self.place, place
        try:
            if self.lifetimes is None:
                output = forward(*args, **kwargs)
            else:
                output = output_of(self, place.module, forward, args, kwargs)
            self.calls.append(place.called(first_shape(output)))
            return output
        except Exception as error:
            self.note_failure("", args, kwargs, error)
            raise
        finally:
            self.place = outer

    def branch(self) -> Tracer:
        """A tracer for the thread that asks, from the module that is running; one record for both.

        Nothing of the record is changed in more than one step, so that threads may share it.
        """
        twin = copy(self)
        DispatchMode.__init__(twin)
        twin._thread, twin._modes = get_ident(), torch_private.dispatch_modes()
        twin.function = twin.callee = ""
        return twin

    @property
    def is_below(self) -> bool:
        """Whether the model has entered a mode of its own, which is shown every op first."""
        return torch_private.dispatch_modes() > self._modes + 1

    def join(self, branch: Tracer) -> None:
        """Take over how a branch failed."""
        if not self.failed:
            self.failed, self.failed_op = branch.failed, branch.failed_op
        self.refused = self.refused or branch.refused

    def note_failure(self, op: str, args: Any, kwargs: Any, error: Exception) -> None:
        """Remember the innermost place, op and shapes of a failure."""
        if not self.failed:
            shapes = ", ".join(shape_text(t.shape) for t in tensors_of((args, kwargs)))
            where = f" in {self.place.path!r}" if self.place.path else ""
            self.failed = f"{where} at {op}({shapes})" if op else f"{where} on ({shapes})"
            self.failed_op = op

    def to_meta(self, x: Tensor) -> Tensor:
        """A stand-in of the same shape, strides and dtype that holds no data."""
        if x.is_meta:
            return x
        stand_in = self._stand_ins.get(x)
        if stand_in is None or stand_in.shape != x.shape or stand_in.dtype != x.dtype:
            if torch_private.is_transformed(x):
                return x
            if not is_dense(x):
                # As torch raises where a stand-in will not do: a run on real values follows.
                raise NotImplementedError("nothing stands for a tensor that is not dense")
            with self.unseen():
                stand_in = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=META)
            if self.lifetimes is not None:
                stand_in.requires_grad_(x.requires_grad)  # torch multiplies by such in another way
            self.made(stand_in)
            self._stand_ins.add(x, stand_in)
            self.state.stand_in(x, stand_in)
            self.constants.stand_in(x, stand_in)
            if x in self.state:
                self.state.keep(x)
            if self.lifetimes is not None:
                self.lifetimes.stand_in(x, stand_in)
        return stand_in

    def made(self, out: Any) -> None:
        """Remember the tensors in what a call gave, without keeping them alive."""
        if isinstance(out, Tensor):
            self.results.append(ref(out))
        elif isinstance(out, _SEVERAL):
            for part in out:
                self.made(part)

    def survivors(self) -> list[ref[Tensor]]:
        """What is left of the trace's tensors without values once it has let go of them."""
        self.state.forget()
        self._stand_ins.clear()
        written = list(self.constants.overwritten())
        self.constants.forget()
        made = () if self.values else self.results
        return [tensor for tensor in (*made, *written) if tensor() is not None]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.looks_away:
            return func(*args, **(kwargs or {}))
        if self.strangers is not None:
            self.strangers.op(func, self.function, args, kwargs or _NO_KWARGS)
        try:
            out = taken_apart(self, func, args, kwargs or _NO_KWARGS)
            if out is not NotImplemented:
                return out
            run = self._rename if func.overloadpacket in FREE else self.op
            return run(func, args, kwargs or _NO_KWARGS)
        except Exception as error:
            self.note_failure(op_name(func), args, kwargs, error)
            raise

    def op(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] = _NO_KWARGS) -> Any:
        """One aten op that is not free: its result, and its row."""
        if self.values:
            return self._computed(func, args, kwargs, self.draws.run(func, args, kwargs))
        try:
            out, facts, operands, written = self._work_out(self, func, args, kwargs)
        except Exception as error:
            out = self.constants.compute(func, args, kwargs)  # as where their values are asked for
            if out is None:
                self.refused |= is_refusal(op_name(func), error, self.differentiates)
                raise
            return self._computed(func, args, kwargs, out)
        computed = None
        if not (operands and operands[0].is_meta):
            computed = self.constants.compute(func, args, kwargs, sizes_of=out)
        if computed is not None:
            out = computed
        elif written:
            self.constants.note_writing(written, args, kwargs)
            if not args or out is not args[0]:  # it may give new tensors beside those
                self.made(new_tensors(out, (args, kwargs)))
        elif out.__class__ is Tensor:
            self.results.append(ref(out))
        else:
            self.made(out)
        self._record(func, args, facts, operands, out)
        return out

    def _computed(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any
    ) -> Any:
        """The result of an op that has run, once its row is written."""
        self.made(out)
        operands = list(tensors_of((args, kwargs)))
        facts = self.facts(func, args, kwargs, operands, out)
        self._record(func, args, facts, operands, out)
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
        if self.values or func is _LIFT_FRESH:
            out = func(*args, **kwargs)  # a constant written in the code has its values
            self.made(out) if self.values else self.constants.adopt(out)
        elif self.constants.all_have_values(args, kwargs):
            out = self._free_constant(func, args, kwargs)
        else:
            out = self._free_stand_in(func, args, kwargs)
            if args and out is args[0]:
                return out
        if self.lifetimes is not None:
            self.lifetimes.called(self.place.path, self.function, func, args, out)
        if args and isinstance(args[0], Tensor) and args[0] in self.state:
            for tensor in tensors_of(out):
                self.state.stand_in(args[0], tensor)
        return out

    def _free_stand_in(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        meta_args, meta_kwargs = self.on_meta(func, args, kwargs)
        out = func(*meta_args, **meta_kwargs)
        if meta_args and out is meta_args[0]:
            return args[0]
        self.made(out)
        return out

    def _free_constant(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if any(True for _ in tensors_of((args, kwargs))):  # a view is free at any size
            out = self.constants.compute(func, args, kwargs, limit=None)
            return self._free_stand_in(func, args, kwargs) if out is None else out
        out = self._free_stand_in(func, args, kwargs)
        computed = self.constants.compute(func, args, kwargs, sizes_of=out)
        return out if computed is None else computed

    def _record(
        self, func: Any, args: Any, facts: Facts | str | None, operands: list[Tensor], out: Any
    ) -> None:
        if self.lifetimes is not None:
            self.lifetimes.called(self.place.path, self.function, func, args, out)
        if self.silent:
            return
        if isinstance(facts, str):
            self.unknown.append(facts)
            return
        if facts is not None and self.prepared is not None:
            facts = self.prepared.whole(facts, operands, out)
        if facts is None:
            return
        uses = facts.uses_state and not self.autocast.is_casting
        params = self.state.first_uses(operands) if uses else 0
        place, callee = self.place, self.callee
        call = place.calls.get(callee) or place.call(callee)
        self.rows.append(facts.row(place.path, params, call, place.training))


_SEVERAL = (tuple, list)
_LIFT_FRESH = torch.ops.aten.lift_fresh.default
