"""Products of matrices in bfloat16: blocks that oneDNN brings into its order, and their sums."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.layouts import is_flat
from shufflenet_flops.trace.workspace.cpu import channel_block, rounded
from shufflenet_flops.trace.workspace.layers import size_of

aten = torch.ops.aten
_FEW = 4096  # multiplications, up to which torch takes a loop of its own
_PAIR = 32  # by which a sum is filled up
_COLUMNS, _ROWS, _WIDE = 64, 256, 1024  # the most of a block
_SUM, _LONG_SUM = 512, 1024
_ALIASED = 1024  # a row of as many bytes, or of a multiple, would lie badly in the cache
_FIXED, _ALIGNMENT = 1024, 128


def workspace_bytes(rows: int, summed: int, columns: int, *, is_transposed: bool) -> int:
    """Of one product; `is_transposed` tells that the first factor is read along its columns."""
    if columns == 1:  # then torch has the factors change places
        rows, columns, is_transposed = 1, rows, False
    is_transposed = is_transposed and rows > 1
    inner = rounded(summed, _PAIR)
    is_long = inner > _LONG_SUM and rows > 1 and not is_transposed
    inner = min(inner, _LONG_SUM if is_long else _SUM)
    height = -(-rows // -(-rows // _ROWS))
    width = min(columns, _COLUMNS)
    size = _FIXED + 2 * _COLUMNS * inner
    if is_transposed:
        apart = _PAIR if 2 * inner % _ALIASED == 0 else 0
        size += _ALIGNMENT + 2 * height * (inner + apart)
        if summed > inner and columns > _COLUMNS:
            width = min(rounded(columns, _COLUMNS), _WIDE)
    return size + 4 * height * width


def _product(x: Tensor, y: Tensor) -> tuple[Term, ...]:
    """Of the last two axes of both, for one of a batch after the other."""
    is_transposed = x.stride(-2) == 1 != x.stride(-1)
    terms = _terms(x, x.shape[-2], y.shape[-1], is_transposed=is_transposed)
    copied = sum(size_of(factor) for factor in (x, y) if terms and not _is_packed(factor))
    return (Term("contiguous factors", copied), *terms) if copied else terms


def _is_packed(x: Tensor) -> bool:
    """Whether it has no gaps, as it is or with its last two axes changed."""
    return x.is_contiguous() or x.transpose(-1, -2).is_contiguous()


def _linear(args: tuple[Any, ...], out: Any) -> tuple[Term, ...]:
    """An input that cannot be seen as one matrix is many, with a copy of the weights for each.

    Unless a gradient is asked of the weights, for which torch copies the input alone.
    """
    x, weight = args[:2]
    if is_flat(x) or weight.requires_grad:
        return _terms(x, prod(x.shape[:-1]), weight.shape[0], is_transposed=False)
    terms = _terms(x, x.shape[-2], weight.shape[0], is_transposed=False)
    copied = prod(x.shape[:-2]) * size_of(weight) if terms else 0
    return (Term("contiguous factors", copied), *terms) if copied else terms


def _terms(x: Tensor, rows: int, columns: int, *, is_transposed: bool) -> tuple[Term, ...]:
    is_onednn = x.dtype is torch.bfloat16 and channel_block() == 16
    if not is_onednn or x.numel() * columns <= _FEW:
        return ()
    size = workspace_bytes(rows, x.shape[-1], columns, is_transposed=is_transposed)
    return (Term("blocks of a product", size),)


RULES: dict[Any, Callable[[tuple[Any, ...], Any], tuple[Term, ...]]] = {
    aten.mm.default: lambda args, out: _product(*args[:2]),
    aten.bmm.default: lambda args, out: _product(*args[:2]),
    aten.bmm.out: lambda args, out: _product(*args[:2]),
    aten.addmm.default: lambda args, out: _product(*args[1:3]),
    aten._addmm_activation.default: lambda args, out: _product(*args[1:3]),
    aten.baddbmm.default: lambda args, out: _product(*args[1:3]),
    aten.linear.default: _linear,
}
