"""Results of the ops of a backward pass that networks run most.

The saved statistics of norms are not asked for: a forward pass by these rules does not give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.fast.meta.result import META, Infer, like, overloads, same

aten = torch.ops.aten

Gradients = tuple[Tensor | None, ...]


def _vector(x: Tensor, size: int) -> Tensor:
    return torch.empty(size, dtype=x.dtype, device=META)


def _convolution(dy: Tensor, x: Tensor, weight: Tensor, *rest: Any) -> Gradients:
    transposed, groups, (into_x, into_weight, into_bias) = rest[4], rest[6], rest[7]
    return (
        like(x, x.shape) if into_x else None,
        like(weight, weight.shape) if into_weight else None,
        _vector(weight, weight.shape[1] * groups if transposed else weight.shape[0])
        if into_bias
        else None,
    )


def _batch_norm(dy: Tensor, x: Tensor, weight: Tensor | None, *rest: Any) -> Gradients:
    into_x, into_weight, into_bias = rest[-1]
    channels, own = x.shape[1], x if weight is None else weight
    return (
        like(x, x.shape) if into_x else None,
        _vector(own, channels) if into_weight else None,
        _vector(own, channels) if into_bias else None,
    )


def _layer_norm(
    dy: Tensor,
    x: Tensor,
    axes: Sequence[int],
    mean: Tensor | None,
    rstd: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    wanted: Sequence[bool],
) -> Gradients:
    return (
        torch.empty(x.shape, dtype=x.dtype, device=META) if wanted[0] else None,
        *(
            torch.empty(own.shape, dtype=own.dtype, device=META)
            if wants and own is not None
            else None
            for own, wants in zip((weight, bias), wanted[1:], strict=True)
        ),
    )


def _as_given(dy: Tensor, *rest: Any, **kwargs: Any) -> Tensor | None:
    return same(dy)


def _as_input(dy: Tensor, x: Tensor, *rest: Any, **kwargs: Any) -> Tensor:
    return like(x, x.shape)


_ELEMENTS = """
    gelu_backward hardsigmoid_backward hardswish_backward hardtanh_backward sigmoid_backward
    silu_backward tanh_backward threshold_backward
    """

RESULTS: dict[Any, Infer] = {
    aten.convolution_backward.default: _convolution,
    aten.native_batch_norm_backward.default: _batch_norm,
    aten.native_layer_norm_backward.default: _layer_norm,
    aten.max_pool2d_with_indices_backward.default: _as_input,
    aten.avg_pool2d_backward.default: _as_input,
    **dict.fromkeys(overloads(_ELEMENTS), _as_given),
}
