"""What a formula for an ONNX operator is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import IntShape

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operand:
    """One input or output of a node; `is_weight` where only initializers went into it.

    `values` are those of a constant of few elements, None where they are not known; `packed_bytes`
    what it takes where several of its numbers share a byte.
    """

    shape: IntShape
    itemsize: int
    is_weight: bool = False
    values: tuple[float, ...] | None = None
    packed_bytes: int | None = None

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """What reading or writing it moves."""
        return self.elements * self.itemsize if self.packed_bytes is None else self.packed_bytes


class NotToldError(Exception):
    """Why values that are not there would decide the work, as the end of the operator's name."""


Inputs = Sequence[Operand | None]  # None for an optional input that is left out
Formula = Callable[[Attributes, Inputs, Operand], Work]


def at(xs: Inputs, index: int) -> Operand:
    x = xs[index]
    if x is None:
        raise ValueError(f"input {index} is missing")
    return x


def has(xs: Inputs, index: int) -> bool:
    return index < len(xs) and xs[index] is not None
