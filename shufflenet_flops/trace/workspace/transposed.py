"""Transposed convolutions: columns of a product, or tensors in oneDNN's order, and two results."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import torch

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.workspace.cpu import channel_block, rounded

_FIXED, _ALIGNMENT = 4248, 128
_LINES = 8192  # bytes beside an image for each number of a row of the kernel, to some of them


@lru_cache(maxsize=4096)
def terms_of(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    y: tuple[int, ...],
    stride: tuple[int, ...],
    groups: int,
    dtype: torch.dtype,
    *,
    is_onednn: bool,
    last: bool,
) -> tuple[Term, ...]:
    """What a call takes; `weight` has input channels first, and output channels of a group.

    `last` tells that channels are last, so that nothing but the weights is put in another order.
    The scratchpad is to about a tenth where the stride is more than 1.
    """

    def size(*numbers: int) -> int:
        return dtype.itemsize * prod(numbers)

    kernel, into, out_of = prod(weight[2:]), weight[0] // groups, weight[1]
    if not is_onednn:
        return (Term("im2col", size(out_of, kernel, *x[2:])),)
    plain, is_depthwise = size(*y), groups > 1 and into == out_of == 1
    if is_depthwise or all(step == 1 for step in stride):  # in blocks of channels
        result = size(y[0], rounded(y[1]), *y[2:])
        channels = rounded(groups) if is_depthwise else groups * into * rounded(out_of)
        parts = [size(x[0], rounded(x[1]), *x[2:]), size(channels, kernel), result + _ALIGNMENT]
        copies = 0
    else:  # with channels last, which are then put first
        block = 8 if groups > 1 and out_of <= 8 else channel_block()
        result, buffers = plain, _FIXED + _LINES * weight[-1] + size(*x[1:])
        parts = [size(*x), size(groups, into, rounded(out_of, block), kernel), buffers]
        copies = plain if y[1] > 1 else 0
    if last:
        found = dict(zip(("reordered weights", "scratchpad"), parts[1:], strict=True))
    elif sum(parts) - plain < copies:
        found = {"result in oneDNN's order": result, "contiguous result": copies}
    else:
        names = ("reordered input", "reordered weights", "scratchpad")
        found = dict(zip(names, parts, strict=True)) | {"padding of the result": result - plain}
    return tuple(Term(name, bytes_) for name, bytes_ in found.items() if bytes_)
