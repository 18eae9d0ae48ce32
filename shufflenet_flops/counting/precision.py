"""What a network costs in numbers of few bits, by a convention that has a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.saved import Count

MOST_BITS = 64
BOPS = "bit operations: weight bits x activation bits for each MAC of `paper`"
_TEXT = re.compile(r"(?P<weights>[0-9]{1,2})x(?P<activations>[0-9]{1,2})")


@dataclass(frozen=True)
class Precision:
    """How many bits a weight and an activation have."""

    weight_bits: int
    activation_bits: int


@dataclass(frozen=True)
class PrecisionResult:
    """A network at a precision, all layers alike.

    `bops` are weight bits x activation bits x MACs, without what accumulating takes (Baskin et al.,
    "UNIQ", 2018, have that too). `weight_bytes` are those of all parameters, `activation_bytes` of
    the outputs of all layers with MACs, each rounded up to a byte, without scales and zero points.
    """

    weight_bits: Count
    activation_bits: Count
    bops: Count
    weight_bytes: Count
    activation_bytes: Count

    @classmethod
    def of(cls, precision: Precision, macs: int, params: int, activations: int) -> PrecisionResult:
        """Those of a network with these counts."""
        weights, outputs = precision.weight_bits, precision.activation_bits
        return cls(
            weights,
            outputs,
            weights * outputs * macs,
            -(-weights * params // 8),
            -(-outputs * activations // 8),
        )


def parse_precision(text: str) -> Precision:
    """`8x8` or `4x8`: bits of a weight, bits of an activation. Raises InputError."""
    match = _TEXT.fullmatch(text)
    bits = [int(match[name]) for name in ("weights", "activations")] if match else []
    if not bits or not all(1 <= number <= MOST_BITS for number in bits):
        raise InputError(
            f"{shown(text)} is no precision: write the bits of a weight and of an activation, from "
            f"1 to {MOST_BITS}, as 8x8 or 4x8"
        )
    return Precision(*bits)
