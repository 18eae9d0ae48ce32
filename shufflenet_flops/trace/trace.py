"""Trace any `nn.Module` into rows, by watching the aten ops of one forward pass.

No kernel runs and no weight is read or copied: every op is worked out on the meta device from the
shapes and strides of its arguments alone. The module is left exactly as it was.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.counting import ModuleCall, Table
from shufflenet_flops.errors import ModelError
from shufflenet_flops.foreign import ForeignExit, contained
from shufflenet_flops.model_copy import copied
from shufflenet_flops.no_gc import no_gc
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import exhaust, map_tensors, tensors_of
from shufflenet_flops.trace.devices import device_of
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.function_mode import Functions
from shufflenet_flops.trace.leaks import take_back
from shufflenet_flops.trace.module_tree import (
    Place,
    find_places,
    set_mode,
    state_tensors,
    untouched,
)
from shufflenet_flops.trace.rules.sparse import is_dense
from shufflenet_flops.trace.shortcuts import NONE as NO_SHORTCUTS
from shufflenet_flops.trace.shortcuts import shortcuts
from shufflenet_flops.trace.state import State
from shufflenet_flops.trace.watched_call import WatchedCall


@dataclass(frozen=True)
class Trace:
    """What one forward pass did.

    `params` is `numel` over the module's distinct parameters, used or not. `unknown_ops` are aten
    ops without a rule and how often they ran: unknown is not zero. `real_forward` tells that real
    kernels had to run because control flow asked for values. `calls` are the calls of modules, in
    the order in which they returned. `trainable_params` are those parameters that want gradients.
    """

    table: Table
    params: int
    unknown_ops: Mapping[str, int]
    real_forward: bool = False
    calls: tuple[ModuleCall, ...] = ()
    trainable_params: int = 0


def trace(
    model: nn.Module,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    training: bool | None = False,
) -> Trace:
    """Rows of `model(*inputs, **kwargs)` on any device, in the order the ops run.

    Only shapes, strides and dtypes of the inputs matter; they may be nested in lists, tuples and
    dicts. `training` is the mode of every module, None leaves each in its own. Where that is not
    enough, as where control flow asks a tensor for its values, a deep copy of the model is run with
    real kernels. Raises ModelError where the forward pass fails, with the module, op and shapes it
    failed at; ValuesNeededError where that is because a model on the meta device has no values.
    """
    call = (inputs, dict(kwargs or {}))
    if any(tensor.is_nested for tensor in tensors_of(call)):
        raise ModelError(
            "an input is a nested tensor, whose parts have sizes of their own: pass it padded "
            "(torch.nested.to_padded_tensor), or count one part at a time"
        )
    try:
        if not all(map(is_dense, tensors_of(call))):
            raise ValuesNeededError("an input is not a dense tensor")
        return _run(model, call, training, values=False)
    except ValuesNeededError as error:
        if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            raise ValuesNeededError(
                f"{error}; its control flow asks for values, which a model on the meta device "
                "does not have: build it on the CPU"
            ) from error
        try:
            twin = copied(model)
        except Exception as why:
            raise ModelError(f"{error}; and the model cannot be copied to run it: {why}") from why
        return _run(twin, call, training, values=True)


class ValuesNeededError(ModelError):
    """The forward pass asked a tensor without data for its values."""


# Thousands of small objects are made and kept, which sets the garbage collector off.
@no_gc()
def _run(
    model: nn.Module, call: tuple[Any, dict[str, Any]], training: bool | None, *, values: bool
) -> Trace:
    places = find_places(model)
    params, buffers = state_tensors(places)
    ways = NO_SHORTCUTS if values else shortcuts()
    tracer = Tracer(State(params, buffers), ways, values)
    functions = Functions(tracer, ways, device_of((*params, *buffers, *tensors_of(call))))
    try:
        with untouched(places, params, call):
            for place in places:
                _watch(place, tracer, functions, training)
            _forward(model, call, tracer, functions)
    finally:
        take_back(tracer.survivors())
    return Trace(
        Table(tuple(tracer.rows)),
        sum(p.numel() for p in params),
        dict(tracer.unknown),
        values,
        tuple(place.returned(output) for place, output in tracer.calls),
        sum(p.numel() for p in params if p.requires_grad),
    )


def _watch(place: Place, tracer: Tracer, functions: Functions, training: bool | None) -> None:
    """Let the tracer see the calls of a module."""
    assert place.module is not None
    if training is not None:
        set_mode(place, training)
    place.training = place.module.training
    vars(place.module)[torch_private.CALL] = WatchedCall(tracer, place, functions.call_of)


def _forward(
    model: nn.Module, call: tuple[Any, dict[str, Any]], tracer: Tracer, functions: Functions
) -> None:
    try:
        args, kwargs = map_tensors(_real if tracer.values else tracer.to_meta, call)
        with contained(), torch_private.uncompiled(), torch.no_grad(), functions, tracer:
            exhaust(model(*args, **kwargs))
    except Exception as error:
        message = f"the model's forward pass failed{tracer.failed}: {_first_line(error)}"
        _clear_frames(error)
        wanted = not (tracer.refused or tracer.values)
        raise (ValuesNeededError if wanted else ModelError)(message) from error
    finally:
        args = kwargs = None  # an error keeps the variables of this function


def _clear_frames(error: BaseException | None) -> None:
    """An error keeps the variables of all functions that it passed through: let go of them."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _real(x: Tensor) -> Tensor:
    """A private copy with values; ones stand for values that are not there."""
    if x.is_meta:
        return torch.ones_like(x, device="cpu")
    return x.detach().clone()


def _first_line(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, ForeignExit):
        return f"{name}: {error}".splitlines()[0]
    return (str(error).strip() or name).splitlines()[0]
