"""How a tensor lies in memory, as torch tells it by strides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def channels_last(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether torch takes a tensor for channels last, told by strides alone where a size is 1."""
    if len(sizes) != 4 or strides[3] < strides[1] or strides[1] == 0:
        return False
    least = 0
    for axis in (1, 3, 2, 0):
        if strides[axis] < least or sizes[axis] == 0:
            return False
        if axis == 0 and least == strides[1]:
            return False  # 1 x c x 1 x 1 in the usual order
        least = strides[axis] * max(sizes[axis], 1)
    return True


def is_channels_last(x: Tensor) -> bool:
    """Whether x is packed with its channels last, and torch takes it so."""
    return channels_last(x.shape, x.stride()) and x.is_contiguous(memory_format=torch.channels_last)


def is_packed(sizes: Sequence[int], strides: Sequence[int], *, last: bool = False) -> bool:
    """Whether a tensor has no gaps in the usual order, or, of four axes, with channels `last`."""
    if 0 in sizes:
        return True
    step = 1
    for axis in (1, 3, 2, 0) if last and len(sizes) == 4 else reversed(range(len(sizes))):
        if sizes[axis] != 1:
            if strides[axis] != step:
                return False
            step *= sizes[axis]
    return True


def is_flat(x: Tensor) -> bool:
    """Whether all axes but the last can be seen as one without a copy."""
    steps = [(size, step) for size, step in zip(x.shape[:-1], x.stride(), strict=False) if size > 1]
    return all(outer == size * inner for (_, outer), (size, inner) in pairwise(steps))
