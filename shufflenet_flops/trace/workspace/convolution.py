"""Convolutions: columns of a matrix product, or the orders in which oneDNN keeps tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.layouts import channels_last, is_packed
from shufflenet_flops.trace.workspace.cpu import channel_block, rounded
from shufflenet_flops.trace.workspace.transposed import terms_of

_SMALL = 20480  # elements of an input for which torch's own kernel is taken
_MANY = 16  # images
_SCRATCH = 128  # bytes by which oneDNN aligns what it keeps for itself
_BATCH_REDUCED = 8216  # what its batch-reduced products keep


class Conv(NamedTuple):
    """One call, by what its kernels go by."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int
    biased: bool
    y: tuple[int, ...]
    itemsize: int
    last: bool  # whether channels are last
    copies_x: bool
    copies_weight: bool

    @property
    def kernel(self) -> int:
        return prod(self.weight[2:])

    @property
    def positions(self) -> int:
        """Of the output."""
        return prod(self.y[2:])

    @property
    def into(self) -> int:
        """Input channels of a group."""
        return self.weight[1]

    @property
    def out_of(self) -> int:
        """Output channels of a group."""
        return self.weight[0] // self.groups

    @property
    def is_strided(self) -> bool:
        return any(step != 1 for step in self.stride)

    def bytes(self, *sizes: int) -> int:
        return self.itemsize * prod(sizes)


def _convolution(args: tuple[Any, ...], out: Any) -> tuple[Term, ...]:
    x, weight, bias, stride, padding, dilation, transposed, _, groups = args[:9]
    if not isinstance(out, Tensor) or x.dim() != weight.dim():
        return ()
    if transposed:
        whole = (tuple(x.shape), tuple(weight.shape), tuple(out.shape), tuple(stride), groups)
        is_onednn = _is_onednn(whole[0], weight.shape[2:], stride, dilation, groups, x.dtype)
        last = channels_last(x.shape, x.stride())
        return terms_of(*whole, x.dtype, is_onednn=is_onednn, last=last)
    shapes = (x.shape, weight.shape, out.shape, x.stride(), weight.stride())
    return _terms(
        *shapes, tuple(stride), tuple(padding), tuple(dilation), groups, bias is not None, x.dtype
    )


@lru_cache(maxsize=4096)
def _terms(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    y: tuple[int, ...],
    x_strides: tuple[int, ...],
    weight_strides: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    biased: bool,
    dtype: torch.dtype,
) -> tuple[Term, ...]:
    last = channels_last(x, x_strides) or channels_last(weight, weight_strides)
    conv = Conv(
        tuple(x),
        tuple(weight),
        stride,
        padding,
        groups,
        biased,
        tuple(y),
        dtype.itemsize,
        last,
        not is_packed(x, x_strides, last=last),
        last and not is_packed(weight, weight_strides, last=True),
    )
    is_onednn = _is_onednn(x, weight[2:], stride, dilation, groups, dtype)
    parts = [("contiguous input", conv.bytes(*conv.x))] if conv.copies_x else []
    if conv.copies_weight and (conv.groups == 1 or is_onednn):
        parts.append(("weights with channels last", conv.bytes(*conv.weight)))
    if not is_onednn:
        return _named(*parts, *_by_products(conv))
    if conv.last:
        return _named(*parts, *_channels_last(conv))
    return _named(*parts, *_in_blocks(conv))


def _named(*parts: tuple[str, int]) -> tuple[Term, ...]:
    return tuple(Term(name, size) for name, size in parts if size)


def _is_onednn(
    x: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    dtype: torch.dtype,
) -> bool:
    """Which backend torch takes, with one thread."""
    if dtype is not torch.float32:
        return dtype.itemsize == 2 and channel_block() == 16
    kernel = (1, *kernel)[-2:]
    is_more = any(step != 1 for step in (*stride, *dilation)) or x[0] >= _MANY or kernel != (1, 1)
    is_worth_it = groups > 1 or min(kernel) > 3 or x[0] > 1 or prod(x) > _SMALL
    return is_more and is_worth_it


def _by_products(conv: Conv) -> list[tuple[str, int]]:
    """torch's own kernel: a product of the weights and the columns of all windows."""
    columns = conv.bytes(conv.into, conv.kernel, conv.positions, conv.x[0])
    if conv.kernel == 1 and not conv.is_strided:
        columns = 0  # the input is its own columns
    if conv.groups == 1:
        return [("im2col", columns)]
    chunk = conv.bytes(*conv.x) // conv.groups if conv.x[0] > 1 or conv.last else 0
    results = conv.bytes(*conv.y)  # of the groups, which are put side by side in the end
    if columns + chunk > results:
        return [("im2col", columns), ("input of a group", chunk)]
    return [("results of the groups", results)]


def _channels_last(conv: Conv) -> list[tuple[str, int]]:
    """Input and output stay as they are, the weights are put in blocks."""
    into, out_of = conv.into, conv.out_of
    if conv.groups > 1 and into == out_of == 1:
        return [("reordered weights", conv.bytes(rounded(conv.weight[0]), conv.kernel))]
    if conv.groups > 1 and into in (4, 8) and out_of % 4 == 0:
        return [("reordered weights", conv.bytes(*conv.weight))]
    if conv.groups > 1 and into <= 16:
        size = conv.bytes(conv.groups, rounded(out_of), rounded(into), conv.kernel)
        return [("reordered weights", size)]
    wide = min(rounded(out_of, block) for block in (64, 48, 32)) if out_of > 16 else 16
    size = conv.bytes(conv.groups, wide, into, conv.kernel)
    return [("reordered weights", size), ("scratchpad", _BATCH_REDUCED)]


def _in_blocks(conv: Conv) -> list[tuple[str, int]]:
    """Input, weights and output in oneDNN's own order; the output is then copied into torch's.

    While the kernel runs there is no output of torch's yet; when it is copied, nothing but the two.
    """
    images, positions, places = conv.x[0], conv.positions, prod(conv.x[2:])
    into, out_of, groups = conv.into, conv.out_of, conv.groups
    result = conv.bytes(images, rounded(conv.weight[0]), positions)
    plain = conv.bytes(*conv.y)
    is_padded = conv.biased and conv.weight[0] % channel_block() > 0
    scratch = conv.bytes(rounded(conv.weight[0])) + _SCRATCH if is_padded else 0
    if any(pad >= size for pad, size in zip(conv.padding, conv.weight[2:], strict=True)):
        return _phases(conv, 0, 0, plain, _columns(conv))
    if groups > 1 and into == out_of == 1:
        x = conv.bytes(images, rounded(groups), places)
        return _phases(conv, x, conv.bytes(rounded(groups), conv.kernel), result, scratch)
    if groups == 1:
        weights = conv.bytes(rounded(out_of), conv.kernel)
        if into < channel_block() and conv.kernel > 1:  # as the first layer of a network
            return _phases(conv, 0, weights * into, result, scratch)
        if conv.kernel == 1 and conv.is_strided and _divides(conv):
            scratch += conv.bytes(rounded(into), positions) + _SCRATCH  # what the stride leaves
        x = conv.bytes(images, rounded(into), places)
        return _phases(conv, x, weights * rounded(into), result, scratch)
    if into % 4 == out_of % 4 == 0:
        return _phases(conv, conv.bytes(*conv.x), conv.bytes(*conv.weight), plain, 0)
    if into in (1, 3) and out_of % 16 == 0:
        return _phases(conv, 0, conv.bytes(*conv.weight), plain, 0)
    return _phases(conv, 0, 0, plain, _columns(conv))


def _divides(conv: Conv) -> bool:
    return all(size % step == 0 for size, step in zip(conv.x[2:], conv.stride, strict=True))


def _columns(conv: Conv) -> int:
    if conv.kernel == 1 and not conv.is_strided:
        return 0
    return conv.bytes(conv.into, conv.kernel, conv.positions) + _SCRATCH


def _phases(conv: Conv, x: int, weights: int, result: int, scratch: int) -> list[tuple[str, int]]:
    plain = conv.bytes(*conv.y)
    if x + weights + scratch <= plain:
        return [("result in oneDNN's order", result)]
    return [
        ("reordered input", x),
        ("reordered weights", weights),
        ("scratchpad", scratch),
        ("padding of the result", result - plain),
    ]


RULES: dict[Any, Callable[[tuple[Any, ...], Any], tuple[Term, ...]]] = {
    torch.ops.aten.convolution.default: _convolution,
    torch.ops.aten._convolution.default: _convolution,
}
