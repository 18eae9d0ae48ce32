"""What ops return where torch's own meta kernel refuses what the real kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.layouts import is_channels_last
from shufflenet_flops.trace.rules.work import packets
from shufflenet_flops.trace.workspace.recurrent import kept_bytes

aten = torch.ops.aten


def _grouped_mm(
    a: Tensor,
    b: Tensor,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> Tensor:
    """torch's takes bfloat16 alone; the kernel of the CPU takes any type."""
    if a.dim() == b.dim() == 2 and offs is not None:  # the summed axis is cut into groups
        shape: tuple[int, ...] = (offs.numel(), a.shape[0], b.shape[1])
    elif a.dim() == b.dim() == 3:
        shape = (*a.shape[:2], b.shape[2])
    else:  # the axis of the one without groups is cut
        shape = (a.shape[-2], b.shape[-1])
    return a.new_empty(shape, dtype=out_dtype or a.dtype)


def _convolution(*args: Any) -> Any:
    """In the layout of its input, which torch's forgets.

    Also TorchScript's, for which torch 2.9 has none: its last four are settings of cuDNN.
    """
    y = aten.convolution.default(*args[:9])
    if y.dim() == 4 and is_channels_last(args[0]):
        layout = torch.channels_last
        y = torch.empty(y.shape, dtype=y.dtype, device=y.device, memory_format=layout)
    return y


def _group_norm(x: Tensor, weight: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
    """With statistics in the type of the weights, as where autocast lowers that of x alone."""
    y, mean, deviation = aten.native_group_norm.default(x, weight, *rest)
    own = x.dtype if weight is None else weight.dtype
    return y, mean.to(own), deviation.to(own)


def _group_norm_backward(dy: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor | None, ...]:
    """With the gradient of x in its own type; see `_group_norm`."""
    into_x, *others = aten.native_group_norm_backward.default(dy, x, *rest)
    return None if into_x is None else into_x.to(x.dtype), *others


def _rnn_layer(x: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """With what the kernel keeps for a backward pass, which torch's takes for empty."""
    *results, _ = aten.mkldnn_rnn_layer.default(x, weight, *rest)
    steps, samples, into = x.shape
    size = kept_bytes(steps, samples, into, weight.shape[0] // 4) if rest[-1] else 0
    return *results, x.new_empty(size, dtype=torch.uint8)


def _rnn_layer_backward(x: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    """For which torch has none: of the input, the weights and biases, and the states."""
    weights, states, gates = rest[:2], rest[4:6], rest[0].shape[0]
    biases = (x.new_empty(gates), x.new_empty(gates))  # also where there are none
    return *map(torch.empty_like, (x, *weights)), *biases, *map(torch.empty_like, states)


_KERNELS: Mapping[Any, Callable[..., Any]] = {
    **{packet.default: _grouped_mm for packet in packets("_grouped_mm")},
    aten.native_group_norm.default: _group_norm,
    aten.native_group_norm_backward.default: _group_norm_backward,
    aten.mkldnn_rnn_layer.default: _rnn_layer,
    aten.mkldnn_rnn_layer_backward.default: _rnn_layer_backward,
    aten._convolution.default: _convolution,
    aten.convolution.default: _convolution,
}


def run_on_meta(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What an op returns on tensors without values."""
    return _KERNELS.get(func, func)(*args, **kwargs)
