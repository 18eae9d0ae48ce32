"""Results of convolutions, matrix products and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.fast.meta.result import META, Infer, broadcast, like, refused

aten = torch.ops.aten


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor | None:
    kernel = weight.shape[2:]
    if x.dim() != weight.dim() or not len(stride) == len(padding) == len(kernel):
        return None
    c_in, c_out = weight.shape[1] * groups, weight.shape[0]
    if transposed:
        c_in, c_out = c_out, c_in
    if x.shape[1] != c_in or c_in % groups or c_out % groups:
        raise refused("a convolution", x, weight, f"with groups={groups}")
    if bias is not None and bias.shape != (c_out,):
        raise refused("a convolution", x, weight, bias)
    if x.dtype != weight.dtype or min(stride) < 1:
        raise refused("a convolution", x, weight, f"with stride {tuple(stride)}")
    if transposed:
        return None
    sizes = [
        (size + 2 * pad - dilate * (window - 1) - 1) // step + 1
        for size, window, step, pad, dilate in zip(
            x.shape[2:], kernel, stride, padding, dilation, strict=True
        )
    ]
    if min(sizes) < 1:
        return None
    return like(x, (x.shape[0], weight.shape[0], *sizes))


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    return _product(a, b, 2)


def _bmm(a: Tensor, b: Tensor) -> Tensor | None:
    return _product(a, b, 3)


def _product(a: Tensor, b: Tensor, rank: int) -> Tensor:
    fits = a.dim() == b.dim() == rank and a.shape[-1] == b.shape[-2]
    if not fits or a.shape[:-2] != b.shape[:-2] or a.dtype != b.dtype:
        raise refused("a matrix product", a, b)
    return torch.empty((*a.shape[:-1], b.shape[-1]), dtype=a.dtype, device=META)


def _addmm(bias: Tensor, a: Tensor, b: Tensor, **kwargs: Any) -> Tensor | None:
    y = _product(a, b, 2)
    if broadcast(bias.shape, y.shape) != y.shape:
        raise refused("a matrix product", a, b, bias)
    return y


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    if weight.dim() != 2:
        return None
    if x.shape[-1] != weight.shape[1] or x.dtype != weight.dtype:
        raise refused("a linear layer", x, weight)
    if bias is not None and bias.shape != weight.shape[:1]:
        raise refused("a linear layer", x, weight, bias)
    return torch.empty((*x.shape[:-1], weight.shape[0]), dtype=x.dtype, device=META)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *args: Any, **kwargs: Any
) -> Tensor | None:
    if not query.dim() == key.dim() == value.dim() == 4:
        return None
    if query.shape[3] != key.shape[3] or not query.dtype == key.dtype == value.dtype:
        raise refused("an attention", query, key, value)
    if not query.shape[:2] == key.shape[:2] == value.shape[:2] or key.shape[2] != value.shape[2]:
        return None
    scores = (*query.shape[:3], key.shape[2])
    if mask is not None and broadcast(mask.shape, scores) != scores:
        raise refused("an attention", query, key, value, mask)
    return torch.empty((*query.shape[:3], value.shape[3]), dtype=query.dtype, device=META)


RESULTS: dict[Any, Infer] = {
    aten.convolution.default: _convolution,
    aten.mm.default: _mm,
    aten.bmm.default: _bmm,
    aten.addmm.default: _addmm,
    aten.linear.default: _linear,
    aten.scaled_dot_product_attention.default: _attention,
}
