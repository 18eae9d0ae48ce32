"""Arithmetic by element: numbers as tensors, and operands in the type of the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.peak.timeline import Term

aten = torch.ops.aten
_NUMBER = 8  # bytes of a float64 or an int64


def _binary(args: tuple[Any, ...], out: Any) -> tuple[Term, ...]:
    """A number is a tensor of its own, and once more in the type of the result."""
    terms = []
    result = out if isinstance(out, Tensor) else args[0]
    for operand in args[:2]:
        if isinstance(operand, bool | int | float):
            terms.append(Term("a number as a tensor", _NUMBER + result.element_size()))
        elif operand.dtype is not result.dtype and result.dtype is not torch.bool:
            size = operand.numel() * result.element_size()
            terms.append(Term("operand in the type of the result", size))
    return tuple(terms)


def _overloads() -> list[Any]:
    packets = [
        getattr(aten, f"{name}{end}") for name in "add sub mul div".split() for end in ("", "_")
    ]
    return [packet.Tensor for packet in packets]


RULES: dict[Any, Callable[[tuple[Any, ...], Any], tuple[Term, ...]]] = dict.fromkeys(
    _overloads(), _binary
)
