"""Trace any `nn.Module` into rows, by watching the aten ops of one forward pass.

No kernel runs and no weight is read or copied: every op is worked out on the meta device from the
shapes and strides of its arguments alone. The module is left exactly as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.counting import ModuleCall, Table
from shufflenet_flops.errors import ModelError
from shufflenet_flops.model_copy import copied
from shufflenet_flops.no_gc import no_gc
from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.arguments import map_tensors
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.function_mode import Functions
from shufflenet_flops.trace.module_tree import find_places, set_mode, state_tensors, untouched
from shufflenet_flops.trace.shortcuts import NONE as NO_SHORTCUTS
from shufflenet_flops.trace.shortcuts import shortcuts
from shufflenet_flops.trace.state import State


@dataclass(frozen=True)
class Trace:
    """What one forward pass did.

    `params` is `numel` over the module's distinct parameters, used or not. `unknown_ops` are aten
    ops without a rule and how often they ran: unknown is not zero. `real_forward` tells that real
    kernels had to run because control flow asked for values. `calls` are the calls of modules, in
    the order in which they returned.
    """

    table: Table
    params: int
    unknown_ops: Mapping[str, int]
    real_forward: bool = False
    calls: tuple[ModuleCall, ...] = ()


def trace(
    model: nn.Module,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    training: bool | None = False,
) -> Trace:
    """Rows of `model(*inputs, **kwargs)` on any device, in the order the ops run.

    Only shapes, strides and dtypes of the inputs matter; they may be nested in lists, tuples and
    dicts. `training` is the mode of every module, None leaves each in its own. Where control flow
    asks a tensor for its values, a deep copy of the model is run with real kernels. Raises
    ModelError where the forward pass fails, with the module, op and shapes it failed at;
    ValuesNeededError where that is because a model on the meta device has no values.
    """
    call = (inputs, dict(kwargs or {}))
    try:
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
    functions = Functions(tracer, ways)
    with untouched(places):
        for place in places:
            assert place.module is not None
            if training is not None:
                set_mode(place, training)
            place.training = place.module.training
            attributes = vars(place.module)
            own = functions.call_of(place.module)
            attributes[torch_private.CALL] = partial(tracer.call, place, own)
        args, kwargs = map_tensors(_real if values else tracer.to_meta, call)
        try:
            with torch_private.uncompiled(), torch.no_grad(), functions, tracer:
                model(*args, **kwargs)
        except Exception as error:
            message = f"the model's forward pass failed{tracer.failed}: {_first_line(error)}"
            wanted = tracer.asked_for_values and not values
            raise (ValuesNeededError if wanted else ModelError)(message) from error
    return Trace(
        Table(tuple(tracer.rows)),
        sum(p.numel() for p in params),
        dict(tracer.unknown),
        values,
        tuple(place.returned(output) for place, output in tracer.calls),
    )


def _real(x: Tensor) -> Tensor:
    """A private copy with values; ones stand for values that are not there."""
    if x.is_meta:
        return torch.ones_like(x, device="cpu")
    return x.detach().clone()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
