"""What an aten op would return, worked out without running it: shapes, strides and dtypes only.

Tensors here live on the meta device. The ops that networks are made of have a rule below, because
torch's own meta kernels for them are Python decompositions that take up to a millisecond a call and
a second to import; for any other op torch's meta kernel is asked, once per distinct call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
Rule = Callable[..., Any]


META = torch.device("meta")


def infer(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of `func(*args, **kwargs)` by its rule; None where torch has to be asked.

    Arguments may be on any device, only their shapes, strides and dtypes are looked at.
    """
    rule = RULES.get(func)
    return None if rule is None else rule(*args, **kwargs)


def _like(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """A tensor of `sizes` in x's dtype and memory format."""
    if not x.is_contiguous() and _channels_last(x) and len(sizes) == 4:
        return torch.empty(sizes, dtype=x.dtype, device=META, memory_format=torch.channels_last)
    return torch.empty(sizes, dtype=x.dtype, device=META)


def _same(x: Tensor) -> Tensor | None:
    """A new tensor like x; None where x's strides are neither of the two usual formats."""
    # Not `empty_like`: for meta tensors that is Python code which imports sympy.
    return _like(x, x.shape) if x.is_contiguous() or _channels_last(x) else None


def _channels_last(x: Tensor) -> bool:
    """Whether torch's kernels take x for channels last: not where a batch of 1 has another stride.

    Of a map that was put together from tokens the strides of an axis of one element tell nothing,
    and torch then writes channels first.
    """
    if x.dim() != 4 or not x.is_contiguous(memory_format=torch.channels_last):
        return False
    return x.stride(0) >= x.shape[2] * x.stride(2)


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
    if transposed or x.dim() != weight.dim() or not len(stride) == len(padding) == len(kernel):
        return None
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None  # torch's kernel words the error
    sizes = [
        (size + 2 * pad - dilate * (window - 1) - 1) // step + 1
        for size, window, step, pad, dilate in zip(
            x.shape[2:], kernel, stride, padding, dilation, strict=True
        )
    ]
    if min(sizes) < 1:
        return None
    return _like(x, (x.shape[0], weight.shape[0], *sizes))


def _unary(x: Tensor, *args: Any, **kwargs: Any) -> Tensor | None:
    return _same(x) if x.is_floating_point() else None


def _inplace(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x


def _binary(x: Tensor, other: Any, **kwargs: Any) -> Tensor | None:
    if not isinstance(other, Tensor):
        stays = x.is_floating_point() and isinstance(other, int | float)
        return _same(x) if stays else None
    if x.dtype != other.dtype:
        return None
    if x.shape == other.shape:
        return _same(x) if x.stride() == other.stride() else None
    if not (x.is_contiguous() and other.is_contiguous()):
        return None
    try:
        sizes = torch.broadcast_shapes(x.shape, other.shape)
    except RuntimeError:
        return None  # torch's kernel words the error
    # Where one of them has the full shape, its strides are those of the result.
    return (
        torch.empty(sizes, dtype=x.dtype, device=META) if sizes in (x.shape, other.shape) else None
    )


def _batch_norm(x: Tensor, *args: Any) -> tuple[Tensor, None, None] | None:
    y = _same(x)
    # The saved statistics are for a backward pass, which never comes.
    return None if y is None else (y, None, None)


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    if a.shape[-1] != b.shape[-2]:
        return None
    return torch.empty((*a.shape[:-1], b.shape[-1]), dtype=a.dtype, device=META)


def _addmm(bias: Tensor, a: Tensor, b: Tensor, **kwargs: Any) -> Tensor | None:
    return _mm(a, b)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    if weight.dim() != 2 or x.shape[-1] != weight.shape[1]:
        return None
    return torch.empty((*x.shape[:-1], weight.shape[0]), dtype=x.dtype, device=META)


def _layer_norm(x: Tensor, axes: Sequence[int], *args: Any) -> tuple[Tensor, None, None] | None:
    if tuple(axes) != x.shape[-len(axes) :] or not x.is_contiguous():
        return None
    return torch.empty(x.shape, dtype=x.dtype, device=META), None, None


def _softmax(x: Tensor, axis: int, half_to_float: bool) -> Tensor | None:
    if not -x.dim() <= axis < x.dim() or not x.is_floating_point() or half_to_float:
        return None
    return torch.empty(x.shape, dtype=x.dtype, device=META)  # contiguous, whatever x is


def _attention(query: Tensor, key: Tensor, value: Tensor, *args: Any) -> tuple[Tensor, None] | None:
    batch, heads, length, _ = query.shape
    if not query.shape[:2] == key.shape[:2] == value.shape[:2] or key.shape[2] != value.shape[2]:
        return None
    if query.shape[3] != key.shape[3] or not query.dtype == key.dtype == value.dtype:
        return None
    # The fused kernels write (batch, length, heads, size) and return it transposed.
    y = torch.empty((batch, length, heads, value.shape[3]), dtype=query.dtype, device=META)
    return y.transpose(1, 2), None


def _mean(x: Tensor, axes: Sequence[int] | None, keepdim: bool = False) -> Tensor | None:
    if not axes or not x.is_floating_point():
        return None
    reduced = {axis % x.dim() for axis in axes}
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
    sizes = []
    for size, window, step, pad, dilate in zip(
        x.shape[2:], kernel, stride, padding, dilation, strict=True
    ):
        free = size + 2 * pad - dilate * (window - 1) - 1
        count = (free + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (count - 1) * step >= size + pad:
            count -= 1  # torch drops a window that starts in the padding
        sizes.append(count)
    return _like(x, (*x.shape[:2], *sizes)) if min(sizes) > 0 else None


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


def _clone(x: Tensor, *, memory_format: torch.memory_format | None = None) -> Tensor | None:
    if memory_format in (torch.contiguous_format, torch.channels_last):
        return torch.empty(x.shape, dtype=x.dtype, device=META, memory_format=memory_format)
    return _same(x)


def _pad(x: Tensor, padding: Sequence[int], value: float = 0) -> Tensor:
    sizes = list(x.shape)
    for i in range(0, len(padding), 2):
        sizes[-1 - i // 2] += padding[i] + padding[i + 1]
    return _like(x, sizes)


def _cat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor | None:
    first = tensors[0]
    axis %= max(first.dim(), 1)
    rest = (*first.shape[:axis], *first.shape[axis + 1 :])
    for tensor in tensors:
        same = (*tensor.shape[:axis], *tensor.shape[axis + 1 :]) == rest
        if not same or tensor.dtype != first.dtype or tensor.dim() != first.dim():
            return None
    sizes = list(first.shape)
    sizes[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return _like(first, sizes)


_IN_PLACE = "add_ sub_ mul_ div_ relu_ hardtanh_ sigmoid_ silu_ hardswish_ hardsigmoid_ tanh_"
_UNARY = """
    relu sigmoid silu hardswish hardsigmoid hardtanh gelu tanh elu leaky_relu mish
    exp log sqrt rsqrt reciprocal neg erf sin cos
    """


def _overloads(names: str) -> list[Any]:
    packets = [getattr(aten, name) for name in names.split() if hasattr(aten, name)]
    return [
        getattr(packet, overload)
        for packet in packets
        for overload in packet.overloads()
        if overload in ("default", "Tensor", "Scalar")
    ]


RULES: dict[Any, Rule] = {
    aten.convolution.default: _convolution,
    aten.native_batch_norm.default: _batch_norm,
    aten._native_batch_norm_legit_no_training.default: _batch_norm,
    aten.mm.default: _mm,
    aten.bmm.default: _mm,
    aten.addmm.default: _addmm,
    aten.linear.default: _linear,
    aten.native_layer_norm.default: _layer_norm,
    aten._softmax.default: _softmax,
    aten._scaled_dot_product_attention_math.default: _attention,
    aten.mean.dim: _mean,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _avg_pool,
    aten.cat.default: _cat,
    aten.clone.default: _clone,
    aten.constant_pad_nd.default: _pad,
    **dict.fromkeys(_overloads(_UNARY), _unary),
    **dict.fromkeys(_overloads(_IN_PLACE), _inplace),
    **dict.fromkeys(_overloads("add sub mul div"), _binary),
}
