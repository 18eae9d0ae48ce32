"""Results of arithmetic by element, and of copies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.fast.meta.result import (
    META,
    Infer,
    broadcast,
    like,
    overloads,
    refused,
    same,
)

aten = torch.ops.aten


def _inplace(x: Tensor, other: Any = None, *args: Any, **kwargs: Any) -> Tensor:
    if isinstance(other, Tensor) and broadcast(x.shape, other.shape) != x.shape:
        raise refused("an op in place", x, other)
    return x


def _draw(x: Tensor, share: float = 0.5, **kwargs: Any) -> Tensor | None:
    return x if 0 <= share <= 1 else None  # torch's kernel words the error


def _binary(x: Tensor, other: Any, **kwargs: Any) -> Tensor | None:
    if not isinstance(other, Tensor):
        stays = x.is_floating_point() and isinstance(other, int | float)
        return same(x) if stays else None
    if x.dtype != other.dtype:
        return None
    if x.shape == other.shape:
        y = same(x) if x.stride() == other.stride() else None
        if y is None and _descends(x) and _descends(other):
            y = torch.empty(x.shape, dtype=x.dtype, device=META)
        return y
    if not (x.is_contiguous() and other.is_contiguous()):
        return None
    sizes = broadcast(x.shape, other.shape)
    if sizes is None:
        return None  # torch's kernel words the error
    # Where one of them has the full shape, its strides are those of the result.
    return (
        torch.empty(sizes, dtype=x.dtype, device=META) if sizes in (x.shape, other.shape) else None
    )


def _descends(x: Tensor) -> bool:
    """Whether its axes are in the usual order, with gaps or without: so is what is made of it."""
    return all(step > after for step, after in pairwise((*x.stride(), 0)))


def _clone(x: Tensor, *, memory_format: torch.memory_format | None = None) -> Tensor | None:
    if memory_format in (torch.contiguous_format, torch.channels_last):
        return torch.empty(x.shape, dtype=x.dtype, device=META, memory_format=memory_format)
    return same(x)


def _pad(x: Tensor, padding: Sequence[int], value: float = 0) -> Tensor:
    sizes = list(x.shape)
    for i in range(0, len(padding), 2):
        sizes[-1 - i // 2] += padding[i] + padding[i + 1]
    return like(x, sizes)


def _cat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor | None:
    tensors = [tensor for tensor in tensors if tensor.shape != (0,)]  # torch skips them
    if not tensors:
        return None
    first = tensors[0]
    if not -first.dim() <= axis < first.dim():
        raise refused("a concatenation", *tensors, f"along axis {axis}")
    axis %= first.dim()
    rest = (*first.shape[:axis], *first.shape[axis + 1 :])
    for tensor in tensors:
        same = (*tensor.shape[:axis], *tensor.shape[axis + 1 :]) == rest
        if not same or tensor.dtype != first.dtype or tensor.dim() != first.dim():
            return None
    sizes = list(first.shape)
    sizes[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return like(first, sizes)


_IN_PLACE = "add_ sub_ mul_ div_ relu_ hardtanh_ sigmoid_ silu_ hardswish_ hardsigmoid_ tanh_"

RESULTS: dict[Any, Infer] = {
    aten.cat.default: _cat,
    aten.clone.default: _clone,
    aten.constant_pad_nd.default: _pad,
    aten.bernoulli_.float: _draw,  # as a dropout does
    **dict.fromkeys(overloads(_IN_PLACE), _inplace),
    **dict.fromkeys(overloads("add sub mul div"), _binary),
}
