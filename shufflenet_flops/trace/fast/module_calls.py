"""Calls of layers that networks hold most, where what the layer's op does is known already.

Such a call leaves out torch's own Python between a module and its op, which is most of the time of
a trace. Any other goes its own way through torch, which is how it becomes known.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any
from weakref import ref

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.autocast import is_on as is_autocast_on
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.fast.known_calls import KnownCalls
from shufflenet_flops.trace.module_tree import Place
from shufflenet_flops.trace.shortcuts import Call

aten = torch.ops.aten

# What a layer calls on a tensor: the aten op, and its arguments, tensors (or None) before others.
OpCall = tuple[Any, tuple[Tensor | None, ...], tuple[Any, ...]]


# Parameters and buffers are read past `layer.weight`, which is slow.
def _conv2d(layer: nn.Conv2d, x: Tensor) -> OpCall:
    own = torch_private.parameters_of(layer)
    others = (layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups)
    return _CONVOLUTION, (x, own["weight"], own["bias"]), others


def _batch_norm(layer: nn.BatchNorm2d, x: Tensor) -> OpCall:
    if x.dim() != 4:
        raise ValueError("the layer refuses it, and its op would not")
    own, buffers = torch_private.parameters_of(layer), torch_private.buffers_of(layer)
    running = (buffers["running_mean"], buffers["running_var"])
    others = (False, layer.momentum or 0.0, layer.eps)
    return _BATCH_NORM, (x, own["weight"], own["bias"], *running), others


def _linear(layer: nn.Linear, x: Tensor) -> OpCall:
    own = torch_private.parameters_of(layer)
    return _LINEAR, (x, own["weight"], own["bias"]), ()


def _switchable(name: str) -> Callable[[Any, Tensor], OpCall]:
    """An activation with a flag for working in place."""
    new, in_place = getattr(aten, name).default, getattr(aten, f"{name}_").default
    return lambda layer, x: (in_place if layer.inplace else new, (x,), ())


def _hardtanh(layer: nn.Hardtanh, x: Tensor) -> OpCall:
    op = aten.hardtanh_.default if layer.inplace else aten.hardtanh.default
    return op, (x,), (layer.min_val, layer.max_val)


_CONVOLUTION = aten.convolution.default
_BATCH_NORM = aten.native_batch_norm.default
_LINEAR = aten.linear.default
_LAYERS: dict[type[nn.Module], tuple[Any, Callable[[Any, Tensor], OpCall]]] = {
    nn.Conv2d: (torch.conv2d, _conv2d),
    nn.BatchNorm2d: (F.batch_norm, _batch_norm),
    nn.Linear: (F.linear, _linear),
    nn.ReLU: (F.relu, _switchable("relu")),
    nn.ReLU6: (F.hardtanh, _hardtanh),
    nn.SiLU: (F.silu, _switchable("silu")),
    nn.Hardswish: (F.hardswish, _switchable("hardswish")),
}
_FORWARDS = {layer: layer.forward for layer in _LAYERS}  # before anyone can replace them


class PlainCalls:
    """How layers are called in one trace, in its thread."""

    def __init__(self, known: KnownCalls, tracer: Tracer) -> None:
        self._known = known
        self._tracer = tracer
        self._by_kind: dict[type, Call] = {}

    def of(self, layer: nn.Module) -> Call | None:
        """What takes the place of `Tracer.call`; None if it is not exactly as torch made it."""
        kind = layer.__class__
        if kind not in _LAYERS or not _as_made(layer):
            return None
        call = self._by_kind.get(kind)
        if call is None:
            call = self._by_kind[kind] = _plain_call(kind, self._known, self._tracer)
        return call


def _plain_call(kind: type[nn.Module], known: KnownCalls, tracer: Tracer) -> Call:
    """Calls layers of one kind, in evaluation mode and outside of transforms of `torch.func`.

    Here is all in one that the tracer does for any call, because this is run most often.
    """
    callee, op_call = _LAYERS[kind]
    name, thread, state, lifetimes = callee.__name__, get_ident(), tracer.state, tracer.lifetimes
    hidden, unseen = torch_private.without_functions, tracer.unseen
    transform, find = torch_private.transform, known.find
    function_modes, modes = torch_private.function_modes, torch_private.function_modes() + 1

    def call(place: Place, whole: Call, /, *inputs: Any, **kwargs: Any) -> Any:
        layer = place.module
        if (
            kwargs
            or len(inputs) != 1
            or inputs[0].__class__ is not Tensor
            or layer.training
            or transform() is not None
            or function_modes() > modes  # the forward pass has entered one
            or tracer.is_below
            or tracer.silent
            or tracer.prepared is not None
            or tracer.autocast.kept
            or is_autocast_on()
            or get_ident() != thread
            or not _as_made(layer)  # the forward pass may have set hooks
        ):
            return tracer.call(place, whole, *inputs, **kwargs)
        with hidden(), unseen():
            if tracer.strangers is not None:
                tracer.strangers.used(inputs)
            try:
                op, tensors, others = op_call(layer, inputs[0])
                found = find(op, name, tensors, others, state.trained)
            except Exception:  # something is unusual, which is for the layer itself to take
                found = None
            if found is not None:
                make, facts, written, args, operands = found
                out = make(args, _NO_KWARGS)
                if written:
                    tracer.constants.note_writing(written, args, _NO_KWARGS)
                if lifetimes is not None:
                    lifetimes.called(place.path, name, op, args, out)
                if out.__class__ is tuple:
                    out = out[0]
                if not written:
                    tracer.results.append(ref(out))
                params = state.first_uses(operands) if facts.uses_state else 0
                how = place.calls.get(callee) or place.call(callee)
                tracer.rows.append(facts.row(place.path, params, how, place.training))
                tracer.calls.append(place.called(facts.work[3]))
                tracer.function = tracer.callee = ""
                return out
        return tracer.call(place, whole, *inputs)

    return call


_NO_KWARGS: dict[str, Any] = {}


def _as_made(layer: nn.Module) -> bool:
    own, kind = vars(layer), layer.__class__
    return not (
        "forward" in own
        or own.get("padding_mode", "zeros") != "zeros"
        or kind.forward is not _FORWARDS[kind]
        or torch_private.has_hooks(own)
    )
