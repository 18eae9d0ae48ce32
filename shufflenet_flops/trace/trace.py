"""Trace any `nn.Module` into rows, by watching the aten ops of one forward pass.

No kernel runs and no weight is read or copied: every op is worked out on the meta device from the
shapes and strides of its arguments alone. The module is left exactly as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shufflenet_flops.counting import ModuleCall, Row, Table
from shufflenet_flops.counting.backward import TrainingStep
from shufflenet_flops.counting.causal import with_later_macs
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import ModelError
from shufflenet_flops.peak.timeline import NO_TIMELINE, Timeline
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.running.model_copy import copied
from shufflenet_flops.running.no_gc import no_gc
from shufflenet_flops.running.one_at_a_time import ONE_AT_A_TIME
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import exhaust, map_tensors, tensors_of
from shufflenet_flops.trace.devices import device_of
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.draws import Draws
from shufflenet_flops.trace.failures import because, first_line, let_go
from shufflenet_flops.trace.function_mode import Functions
from shufflenet_flops.trace.lazy_imports import imported_for_real
from shufflenet_flops.trace.leaks import Young, take_back
from shufflenet_flops.trace.legacy_types import answered
from shufflenet_flops.trace.lifetimes import Lifetimes
from shufflenet_flops.trace.module_tree import (
    Place,
    find_places,
    set_mode,
    state_tensors,
    untouched,
)
from shufflenet_flops.trace.outputs import outputs_of
from shufflenet_flops.trace.packed import packed_weights
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.shortcuts import NONE as NO_SHORTCUTS
from shufflenet_flops.trace.shortcuts import shortcuts
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.step_tracer import StepTracer
from shufflenet_flops.trace.storages import storages_answered
from shufflenet_flops.trace.strangers import look_for_strangers, others_at_work
from shufflenet_flops.trace.threads import Threads
from shufflenet_flops.trace.watched_call import WatchedCall


@dataclass(frozen=True)
class Trace:
    """What one forward pass did.

    `params` is `numel` over the module's distinct parameters, used or not. `unknown_ops` are aten
    ops without a rule and how often they ran: unknown is not zero. `real_forward` tells that real
    kernels had to run, `real_because` why, in words. `calls` are the calls of modules, in the order
    in which they returned. `trainable_params` are those parameters that want gradients. `timeline`
    is what was alive when, empty unless it was asked for; `step` the training step, where one was.
    Where transforms of `torch.func` were at work, `as_called` has the rows with calls under them as
    they were made: of one sample, without derivatives.
    """

    table: Table
    params: int
    unknown_ops: Mapping[str, int]
    real_forward: bool = False
    calls: tuple[ModuleCall, ...] = field(default=(), repr=False)
    trainable_params: int = 0
    real_because: str = ""
    timeline: Timeline = field(default=NO_TIMELINE, repr=False)
    step: TrainingStep | None = field(default=None, repr=False)
    as_called: tuple[Row, ...] | None = field(default=None, repr=False)


class _Asked(NamedTuple):
    """What is asked of a trace; see `trace`."""

    training: bool | None
    memory: bool
    step: Trained | None
    autocast: torch.dtype | None


def trace(
    model: nn.Module,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    training: bool | None = False,
    memory: bool = False,
    may_run: bool = True,
    step: Trained | None = None,
    autocast: str | None = None,
) -> Trace:
    """Rows of `model(*inputs, **kwargs)` on any device, in the order the ops run.

    Only shapes, strides and dtypes of the inputs matter; they may be nested in lists, tuples and
    dicts. `training` is the mode of every module, None leaves each in its own. With `memory` the
    timeline is there too, and in a step recurrent layers are as the CPU takes them. `step` asks for
    a backward pass, and says which parameters are trained: it starts with a gradient for every
    output that has one, so the loss is not in it. With `autocast` ("bfloat16") the forward pass
    runs within `torch.autocast` on the CPU. Where stand-ins are not enough, as where control flow
    asks a tensor for its values, a deep copy of the model is run with real kernels, if it
    `may_run`. Raises ModelError where a pass fails, with the module, op and shapes it failed at,
    and where there is nothing to differentiate;
    ValuesNeededError where that may be because a model on the meta device, or one that must not
    run, has no values.

    One trace runs at a time in a process, and no counter beside it: another thread waits. The
    model is not to be run by another thread meanwhile. Threads that its forward pass starts, or
    gives work to, are traced with it. What is random comes from generators of the trace's own,
    which start from torch's seed.
    """
    with ONE_AT_A_TIME:
        dtype = None if autocast is None else getattr(torch, autocast)
        asked = _Asked(training, memory, step, dtype)
        return _trace(model, (inputs, dict(kwargs or {})), asked, may_run)


def _trace(
    model: nn.Module, call: tuple[tuple[Any, ...], dict[str, Any]], asked: _Asked, may_run: bool
) -> Trace:
    given = list(tensors_of(call))
    if any(tensor.is_nested for tensor in given):
        raise ModelError(
            "an input is a nested tensor, whose parts have sizes of their own: pass it padded "
            "(torch.nested.to_padded_tensor), or count one part at a time"
        )
    try:
        if not all(map(is_dense, given)):
            raise ValuesNeededError("an input is not a dense tensor", "an input is not dense")
        return _run(model, call, asked, values=False)
    except ValuesNeededError as error:
        if not may_run:
            raise
        if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            raise ValuesNeededError(
                f"{error}; its control flow asks for values, which a model on the meta device "
                "does not have: build it on the CPU",
                error.because,
            ) from error
        try:
            twin = copied(model)
        except Exception as why:
            raise ModelError(f"{error}; and the model cannot be copied to run it: {why}") from why
        traced = _run(twin, call, asked, values=True)
        return replace(traced, real_because=error.because)


class ValuesNeededError(ModelError):
    """The forward pass asked a tensor without data for its values, or its kernels did.

    `because` tells which of these it was, in words.
    """

    def __init__(self, message: str, because: str) -> None:
        super().__init__(message)
        self.because = because


# Thousands of small objects are made and kept, which sets the garbage collector off.
@no_gc()
def _run(
    model: nn.Module, call: tuple[Any, dict[str, Any]], asked: _Asked, *, values: bool
) -> Trace:
    young = Young()
    places = find_places(model)
    params, buffers = state_tensors(places)
    ways = NO_SHORTCUTS if values else shortcuts()
    held = {"parameters": params, "buffers": buffers}
    lifetimes = Lifetimes(**held) if asked.memory else None
    state = State(params, buffers)
    tracer = Tracer(state, ways, values, lifetimes)
    if asked.step is not None:
        ways = ways.differentiable
        tracer = StepTracer(state, ways, values, lifetimes, asked.step, places)
    if values or others_at_work():
        look_for_strangers(tracer)
    given = list(tensors_of(call))
    tracer.batch = given[0].shape[0] if given and given[0].dim() else 0
    device = device_of((*params, *buffers, *given))
    functions = Functions(tracer, ways, device)
    if isinstance(tracer, StepTracer):
        tracer.functions = functions
    try:
        kinds = {type(place.module) for place in places}
        types, storages = answered(device, kinds), storages_answered(device)
        with untouched(places, params, call), types, storages:
            for place in places:
                _watch(place, functions, asked.training)
            _forward(model, call, tracer, functions, asked.autocast)
            as_called = functions.called()
        timeline = lifetimes.timeline() if lifetimes is not None else NO_TIMELINE
    finally:
        take_back(tracer.survivors(), young)
    sizes = list(map(Tensor.numel, params))
    return Trace(
        Table(with_later_macs(tracer.rows)),
        sum(sizes) + sum(map(Tensor.numel, packed_weights(places))),
        dict(Counter(tracer.unknown)),
        values,
        tuple(tracer.calls),
        sum(compress(sizes, map(_WANTS_GRAD, params))),
        timeline=timeline,
        step=tracer.step(params) if isinstance(tracer, StepTracer) else None,
        as_called=as_called,
    )


_WANTS_GRAD = attrgetter("requires_grad")


def _watch(place: Place, functions: Functions, training: bool | None) -> None:
    """Let the tracer see the calls of a module."""
    assert place.module is not None
    if training is not None:
        set_mode(place, training)
    place.training = place.module.training
    own = getattr(place.module, torch_private.CALL)
    watched = WatchedCall(functions.call_of(place.module), place, own)
    vars(place.module)[torch_private.CALL] = watched


def _forward(
    model: nn.Module,
    call: tuple[Any, dict[str, Any]],
    tracer: Tracer,
    functions: Functions,
    autocast: torch.dtype | None,
) -> None:
    try:
        if isinstance(tracer, StepTracer):
            tracer.begin()
        stand_in = partial(_real, tracer.draws) if tracer.values else tracer.to_meta
        if tracer.lifetimes is not None:
            tracer.lifetimes.hold("inputs", tensors_of(call))
        args, kwargs = map_tensors(stand_in, call)
        if tracer.values:
            tracer.made([*tensors_of((args, kwargs))])
        if tracer.lifetimes is not None:
            tracer.lifetimes.ignore(tensors_of((args, kwargs)))
        followed = Threads(tracer, functions).followed()
        grads = partial(torch.set_grad_enabled, tracer.differentiates)
        imports = imported_for_real(tracer.unseen)
        with contained(), torch_private.uncompiled(), imports, grads(), functions, tracer, followed:
            copy_context().run(_run_to_its_end, model, args, kwargs, tracer, autocast)
    except ModelError as error:
        let_go(error)
        raise
    except Exception as error:
        returning = isinstance(tracer, StepTracer) and tracer.returning
        way = "backward" if returning else "forward"
        message = f"the model's {way} pass failed{tracer.failed}: {first_line(error)}"
        let_go(error)
        if tracer.refused or tracer.values:
            raise ModelError(message) from error
        raise ValuesNeededError(message, because(tracer, error)) from error
    finally:
        args = kwargs = None  # an error keeps the variables of this function


def _run_to_its_end(
    model: nn.Module, args: Any, kwargs: Any, tracer: Tracer, autocast: torch.dtype | None
) -> None:
    """In a context of its own, so that the variables of contexts are as before."""
    with nullcontext() if autocast is None else torch.autocast("cpu", autocast):
        output = model(*args, **kwargs)
        outputs = list(outputs_of(output)) if isinstance(tracer, StepTracer) else ()
        exhaust(output)
    if tracer.strangers is not None:
        tracer.strangers.used(tensors_of(output))
    if isinstance(tracer, StepTracer):
        tracer.run_back(outputs)


def _real(draws: Draws, x: Tensor) -> Tensor:
    """A private copy with values; random numbers, or ones, stand for those that are not there."""
    if not x.is_meta:
        return x.detach().clone()
    if x.is_floating_point() or x.is_complex():
        y = torch.empty_like(x, device="cpu")
        return y.normal_(generator=draws.generator(y.device))
    return torch.ones_like(x, device="cpu")
