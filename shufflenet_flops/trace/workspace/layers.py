"""Norms, softmax, attention, resizing: copies in another order, and buffers of a kernel's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.layouts import channels_last, is_packed

aten = torch.ops.aten
Terms = tuple[Term, ...]


def size_of(x: Tensor) -> int:
    """Bytes of a packed tensor of this shape."""
    return x.numel() * x.element_size()


def contiguous_copy(args: tuple[Any, ...], out: Any) -> Terms:
    """Of an input that has gaps or whose axes are in another order."""
    x = args[0]
    return () if x.is_contiguous() else (Term("contiguous input", size_of(x)),)


def _batch_norm(args: tuple[Any, ...], out: Any) -> Terms:
    x, in_training = args[0], args[5]
    if in_training or not x.numel():
        return ()
    return (Term("scale and shift of channels", 8 * x.shape[1]),)


def _safe_softmax(args: tuple[Any, ...], out: Any) -> Terms:
    x = args[0]
    masks = x.numel() + x.numel() // max(1, x.shape[args[1]]) + 4
    return (*contiguous_copy(args, out), Term("masks of rows without a score", masks))


def _roll(args: tuple[Any, ...], out: Any) -> Terms:
    """One axis after the other."""
    return (Term("rolled along one axis", size_of(args[0])),) if len(args[1]) > 1 else ()


def _resize(args: tuple[Any, ...], out: Any) -> Terms:
    """Of more than three channels, with channels last."""
    x = args[0]
    if x.dim() != 4 or x.shape[1] <= 3:
        return ()
    terms = []
    if not is_packed(x.shape, x.stride(), last=True):
        terms.append(Term("input with channels last", size_of(x)))
    if not channels_last(out.shape, out.stride()):
        terms.append(Term("result with channels last", size_of(out)))
    return tuple(terms)


def _attention(args: tuple[Any, ...], out: Any) -> Terms:
    """Scores of some queries with some keys, their maxima and sums, and the result of these."""
    query, key = args[:2]
    length, size = query.shape[-2:]
    rows = min(length, 256 if length >= 768 else 64 if length >= 192 else 32)
    columns = min(512, key.shape[-2])
    buffer = 4 * (rows * columns + 2 * rows + rows * size)
    if query.element_size() == 2:
        buffer += 2 * rows * columns
    return (Term("scores of a block", buffer),)


def _unfold(args: tuple[Any, ...], out: Any) -> Terms:
    x = args[0]
    return () if x.is_contiguous() else (Term("contiguous input", 2 * size_of(x)),)


RULES: dict[Any, Callable[[tuple[Any, ...], Any], Terms]] = {
    aten.native_batch_norm.default: _batch_norm,
    aten._softmax.default: contiguous_copy,
    aten._log_softmax.default: contiguous_copy,
    aten._safe_softmax.default: _safe_softmax,
    aten.native_layer_norm.default: contiguous_copy,
    aten.native_group_norm.default: contiguous_copy,
    aten.roll.default: _roll,
    aten.upsample_bilinear2d.default: _resize,
    aten.upsample_nearest2d.default: _resize,
    aten.scaled_dot_product_attention.default: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
    aten.im2col.default: _unfold,
}
