"""Layers of torch that networks hold most, as the function that each calls and its arguments.

Calling that function directly leaves out torch's own Python between a module and the function,
which is most of the time of a trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.trace import torch_private

Arguments = Callable[[Any, Tensor], tuple[Any, ...]]


def _conv2d(layer: nn.Conv2d, x: Tensor) -> tuple[Any, ...]:
    window = (layer.stride, layer.padding, layer.dilation)
    return (x, layer.weight, layer.bias, *window, layer.groups)


def _batch_norm(layer: nn.BatchNorm2d, x: Tensor) -> tuple[Any, ...]:
    running = (layer.running_mean, layer.running_var)
    momentum = layer.momentum or 0.0
    return (x, *running, layer.weight, layer.bias, False, momentum, layer.eps)


def _linear(layer: nn.Linear, x: Tensor) -> tuple[Any, ...]:
    return (x, layer.weight, layer.bias)


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


def plain_call(layer: nn.Module) -> Callable[..., tuple[Any, tuple[Any, ...]] | None] | None:
    """What a layer calls in evaluation mode: the function, and its arguments for an input.

    None for a module that is not exactly one of these layers as torch made it, without hooks; the
    result is None in training mode and for inputs other than one plain tensor of the usual axes.
    """
    kind = layer.__class__
    if kind not in _LAYERS or not _as_made(layer):
        return None
    function, arguments = _LAYERS[kind]
    axes = _AXES.get(kind)

    def call(*inputs: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]] | None:
        if kwargs or len(inputs) != 1 or inputs[0].__class__ is not Tensor or layer.training:
            return None
        x = inputs[0]
        if axes is not None and x.dim() != axes:
            return None
        args = arguments(layer, x)
        return (function, args) if _PLAIN.issuperset(map(type, args)) else None

    return call


def _as_made(layer: nn.Module) -> bool:
    own = vars(layer)
    changed = "forward" in own or own.get("padding_mode", "zeros") != "zeros"
    kind = layer.__class__
    return not (changed or kind.forward is not _FORWARDS[kind] or torch_private.has_hooks(layer))
