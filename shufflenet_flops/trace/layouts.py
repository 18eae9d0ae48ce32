"""How a tensor lies in memory, as torch tells it by strides."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor) -> bool:
    """Whether torch takes x for channels last, told by strides alone where sizes of 1 are in it."""
    if x.dim() != 4:
        return False
    strides = x.stride()
    if strides[3] < strides[1] or strides[1] == 0:
        return False
    least = 0
    for axis in (1, 3, 2, 0):
        if strides[axis] < least or x.shape[axis] == 0:
            return False
        if axis == 0 and least == strides[1]:
            return False  # 1 x c x 1 x 1 in the usual order
        least = strides[axis] * max(x.shape[axis], 1)
    return True


def is_channels_last(x: Tensor) -> bool:
    """Whether x is packed with its channels last, and torch takes it so."""
    return channels_last(x) and x.is_contiguous(memory_format=torch.channels_last)


def is_packed(x: Tensor, *, last: bool = False) -> bool:
    """Whether x has no gaps in the usual order, or with its channels last."""
    if not last or x.dim() != 4:
        return x.is_contiguous()
    step = 1
    for axis in (1, 3, 2, 0):
        if x.shape[axis] != 1:
            if x.stride(axis) != step:
                return False
            step *= x.shape[axis]
    return True
