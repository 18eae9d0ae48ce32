"""Results of activations, norms, pools and lookups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.fast.meta.result import META, Infer, like, overloads, refused, same

aten = torch.ops.aten


def _unary(x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    return same(x) if x.is_floating_point() else None


def _float_unary(x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    if not (x.is_floating_point() or x.is_complex()):
        raise refused("an activation", x)
    return same(x)


def _embedding(table: Tensor, indices: Tensor, *args: Any) -> Tensor | None:
    if indices.dtype not in (torch.int32, torch.int64):
        raise refused("an embedding", indices)
    return None


def _softmax(x: Tensor, axis: int, half_to_float: bool) -> Tensor | None:
    if not -max(x.dim(), 1) <= axis < max(x.dim(), 1) or not x.is_floating_point():
        raise refused("a softmax", x, f"over axis {axis}")
    return None if half_to_float else torch.empty(x.shape, dtype=x.dtype, device=META)


def _batch_norm(x: Tensor, *args: Any) -> tuple[Tensor, Tensor | None, Tensor | None] | None:
    for arg in args[:4]:
        if arg is not None and arg.shape != (x.shape[1],):
            raise refused("a batch norm", x, arg)
    y = same(x)
    if y is None or len(args) < 7 or not args[4]:
        return None if y is None else (y, None, None)
    own = (x if args[0] is None else args[0]).dtype
    mean, deviation = (torch.empty(x.shape[1], dtype=own, device=META) for _ in range(2))
    return y, mean, deviation


def _layer_norm(
    x: Tensor, axes: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    sizes = tuple(axes)
    if any(t is not None and t.shape != sizes for t in (weight, bias)):
        raise refused("a layer norm", x, *(t for t in (weight, bias) if t is not None))
    if sizes != x.shape[-len(sizes) :] or not x.is_contiguous():
        return None
    # A backward pass insists on the statistics.
    apart = (*x.shape[: x.dim() - len(sizes)], *(1 for _ in sizes))
    mean, rstd = (torch.empty(apart, dtype=torch.float32, device=META) for _ in range(2))
    return torch.empty(x.shape, dtype=x.dtype, device=META), mean, rstd


def _reduction(
    x: Tensor, axes: Sequence[int] | None, keepdim: bool = False, **kwargs: Any
) -> Tensor | None:
    if not axes or kwargs or not x.is_floating_point():
        return None
    if not all(-x.dim() <= axis < x.dim() for axis in axes):
        raise refused("a reduction", x, f"over {tuple(axes)}")
    reduced = {axis % x.dim() for axis in axes}
    if len(reduced) < len(axes):
        raise refused("a reduction", x, f"over {tuple(axes)}")
    sizes = [
        1 if axis in reduced else size
        for axis, size in enumerate(x.shape)
        if keepdim or axis not in reduced
    ]
    return torch.empty(sizes, dtype=x.dtype, device=META)


def _pooled(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor | None:
    kernel, stride, padding, dilation = (
        (size[0], size[-1]) for size in (kernel, stride or kernel, padding, dilation)
    )
    if x.dim() != 4 or any(2 * pad > size for pad, size in zip(padding, kernel, strict=True)):
        return None
    if min(stride) < 1:
        raise refused("a pool", x, f"with stride {tuple(stride)}")
    sizes = []
    for size, window, step, pad, dilate in zip(
        x.shape[2:], kernel, stride, padding, dilation, strict=True
    ):
        free = size + 2 * pad - dilate * (window - 1) - 1
        count = (free + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (count - 1) * step >= size + pad:
            count -= 1  # torch drops a window that starts in the padding
        sizes.append(count)
    return like(x, (*x.shape[:2], *sizes)) if min(sizes) > 0 else None


def _max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor] | None:
    y = _pooled(x, kernel, stride, padding, dilation, ceil_mode)
    return None if y is None else (y, torch.empty(y.shape, dtype=torch.int64, device=META))


def _avg_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    *args: Any,
) -> Tensor | None:
    return _pooled(x, kernel, stride, padding, (1,), ceil_mode)


def _adaptive_avg_pool(x: Tensor, sizes: Sequence[int]) -> Tensor | None:
    if x.dim() != 4 or len(sizes) != 2 or min(*sizes, *x.shape) < 1:
        return None
    return like(x, (*x.shape[:2], *sizes))


_UNARY = "relu sigmoid tanh hardtanh exp log sqrt rsqrt reciprocal neg erf sin cos"
_FLOAT_UNARY = "silu hardswish hardsigmoid gelu elu leaky_relu mish"

RESULTS: dict[Any, Infer] = {
    aten.native_batch_norm.default: _batch_norm,
    aten._native_batch_norm_legit_no_training.default: _batch_norm,
    aten.native_layer_norm.default: _layer_norm,
    aten._softmax.default: _softmax,
    aten.embedding.default: _embedding,
    aten.mean.dim: _reduction,
    aten.sum.dim_IntList: _reduction,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _avg_pool,
    aten._adaptive_avg_pool2d.default: _adaptive_avg_pool,
    **dict.fromkeys(overloads(_UNARY), _unary),
    **dict.fromkeys(overloads(_FLOAT_UNARY), _float_unary),
}
