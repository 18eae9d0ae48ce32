"""Layers of torch that networks hold most, as the function that each calls and its arguments.

Calling that function directly leaves out torch's own Python between a module and the function,
which is most of the time of a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.shortcuts import Call

Arguments = Callable[[Any, Tensor], tuple[Any, ...]]


def _weights(layer: nn.Module) -> tuple[Any, Any]:
    """Past `layer.weight`, which is slow; an Ellipsis for what is kept in another way."""
    own = torch_private.parameters_of(layer)
    return own.get("weight", ...), own.get("bias", ...)


def _conv2d(layer: nn.Conv2d, x: Tensor) -> tuple[Any, ...]:
    window = (layer.stride, layer.padding, layer.dilation)
    return (x, *_weights(layer), *window, layer.groups)


def _batch_norm(layer: nn.BatchNorm2d, x: Tensor) -> tuple[Any, ...]:
    buffers = torch_private.buffers_of(layer)
    running = (buffers.get("running_mean", ...), buffers.get("running_var", ...))
    return (x, *running, *_weights(layer), False, layer.momentum or 0.0, layer.eps)


def _linear(layer: nn.Linear, x: Tensor) -> tuple[Any, ...]:
    return (x, *_weights(layer))


def _switchable(layer: Any, x: Tensor) -> tuple[Any, ...]:
    return (x, layer.inplace)


def _hardtanh(layer: nn.Hardtanh, x: Tensor) -> tuple[Any, ...]:
    return (x, layer.min_val, layer.max_val, layer.inplace)


_LAYERS: dict[type[nn.Module], tuple[Any, Arguments]] = {
    nn.Conv2d: (torch.conv2d, _conv2d),
    nn.BatchNorm2d: (F.batch_norm, _batch_norm),
    nn.Linear: (F.linear, _linear),
    nn.ReLU: (F.relu, _switchable),
    nn.ReLU6: (F.hardtanh, _hardtanh),
    nn.SiLU: (F.silu, _switchable),
    nn.Hardswish: (F.hardswish, _switchable),
}
_FORWARDS = {layer: layer.forward for layer in _LAYERS}  # before anyone can replace them
_AXES = {nn.Conv2d: 4, nn.BatchNorm2d: 4}  # other inputs are for the layer itself to refuse
_PLAIN = frozenset({Tensor, nn.Parameter, type(None), tuple, int, float, bool})


def plain_call(
    layer: nn.Module, whole: Call, tracer: Tracer, functions: Mapping[Any, Call]
) -> Call:
    """How a layer is called: `whole`, or straight to its function, one of `functions`.

    So it is called in evaluation mode, on one plain tensor of the usual axes, outside of transforms
    of `torch.func`, where it is exactly one of these layers as torch made it, without hooks.
    """
    kind = layer.__class__
    if kind not in _LAYERS or not _as_made(layer):
        return whole
    func, arguments = _LAYERS[kind]
    function, name, axes = functions[func], func.__name__, _AXES.get(kind)
    hidden, unseen = torch_private.without_functions, tracer.unseen
    transform = torch_private.transform

    def call(*inputs: Any, **kwargs: Any) -> Any:
        if (
            kwargs
            or len(inputs) != 1
            or inputs[0].__class__ is not Tensor
            or layer.training
            or transform() is not None
        ):
            return whole(*inputs, **kwargs)
        (x,) = inputs
        with hidden(), unseen():
            args = arguments(layer, x) if axes is None or x.dim() == axes else None
            if args is not None and _PLAIN.issuperset(map(type, args)):
                tracer.function, tracer.callee = name, func
                try:
                    out = function(tracer, *args)
                except Exception as error:
                    tracer.note_failure(name, args, {}, error)
                    raise
                finally:
                    tracer.function = tracer.callee = ""
                if out is not NotImplemented:
                    tracer.shape = tuple(out.shape)
                    return out
        return whole(*inputs)

    return call


def _as_made(layer: nn.Module) -> bool:
    own, kind = vars(layer), layer.__class__
    return not (
        "forward" in own
        or own.get("padding_mode", "zeros") != "zeros"
        or kind.forward is not _FORWARDS[kind]
        or torch_private.has_hooks(own)
    )
