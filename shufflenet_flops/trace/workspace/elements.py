"""Arithmetic by element: numbers as tensors, and operands in the type of the result."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term

aten = torch.ops.aten
_NUMBER = 8  # bytes of a float64 or an int64
_NUMBERS = (bool, int, float)


@cache
def _number(itemsize: int) -> Term:
    """It is a tensor of its own, and once more in the type of the result."""
    return Term("a number as a tensor", _NUMBER + itemsize)


def _binary(args: tuple[Any, ...], out: Any) -> tuple[Term, ...]:
    """Where types differ: operands in the wider one, and a result that is then narrowed."""
    x, y = args[:2]
    result = out if isinstance(out, Tensor) else x
    dtype = result.dtype
    if isinstance(y, Tensor) and x.dim() and y.dim() and dtype is not torch.bool:
        dtype = torch.promote_types(x.dtype, y.dtype)
    terms: tuple[Term, ...] = ()
    for operand in (x, y):
        if isinstance(operand, _NUMBERS):
            terms += (_number(dtype.itemsize),)
        elif operand.dtype is not dtype and dtype is not torch.bool:
            size = operand.numel() * dtype.itemsize
            terms += (Term("operand in the type of the result", size),)
    if result.dtype is not dtype:
        terms += (Term("result in the wider type", result.numel() * dtype.itemsize),)
    return terms


def _overloads() -> list[Any]:
    packets = [
        getattr(aten, f"{name}{end}") for name in "add sub mul div".split() for end in ("", "_")
    ]
    return [packet.Tensor for packet in packets]


RULES: dict[Any, Callable[[tuple[Any, ...], Any], tuple[Term, ...]]] = dict.fromkeys(
    _overloads(), _binary
)
