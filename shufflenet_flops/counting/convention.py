"""Conventions: which op classes count, and for how much.

The same rows give different totals under different conventions, and papers and tools mix them.
A convention is data; `total` is the only arithmetic. None of them is right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.spec import OpClass

Unit = Literal["MAC", "FLOP"]


@dataclass(frozen=True)
class Convention:
    """A named table of weights over op classes, with the unit of its total."""

    name: str
    unit: Unit
    meaning: str
    weights: Mapping[OpClass, int]

    def total(self, counts: Mapping[OpClass, int]) -> int:
        """The count of the work in `counts` under this convention, an exact integer."""
        return sum(weight * counts.get(op, 0) for op, weight in self.weights.items())

    def terms(self, counts: Mapping[OpClass, int]) -> dict[OpClass, int]:
        """The non-zero parts of the total, by op class."""
        parts = {op: weight * counts.get(op, 0) for op, weight in self.weights.items()}
        return {op: part for op, part in parts.items() if part}


def _convention(name: str, unit: Unit, meaning: str, **weights: int) -> Convention:
    table = {OpClass(key): weight for key, weight in weights.items()}
    return Convention(name, unit, meaning, MappingProxyType(table))


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        convention.name: convention
        for convention in (
            _convention(
                "paper",
                "MAC",
                "multiply-accumulates of convolutions, fully connected layers and matrix products",
                conv_macs=1,
                linear_macs=1,
                matmul_macs=1,
            ),
            _convention(
                "paper-conv",
                "MAC",
                "multiply-accumulates of convolutions alone (ShuffleNet V1, Table 1)",
                conv_macs=1,
            ),
            _convention(
                "flops",
                "FLOP",
                "two floating-point operations for each multiply-accumulate of `paper`",
                conv_macs=2,
                linear_macs=2,
                matmul_macs=2,
            ),
            _convention(
                "fvcore",
                "MAC",
                "`paper`, 2 per batch-norm element, 1 per element read by a global average pool",
                conv_macs=1,
                linear_macs=1,
                matmul_macs=1,
                norm_elements=2,
                global_pool_inputs=1,
            ),
            _convention(
                "thop",
                "MAC",
                "`paper`, 4 per batch-norm element, 1 per average-pool output; a global pool adds "
                "its inputs and outputs",
                conv_macs=1,
                linear_macs=1,
                norm_elements=4,
                avg_pool_outputs=1,
                global_pool_inputs=1,
                global_pool_outputs=1,
            ),
        )
    }
)


def find_convention(name: str) -> Convention:
    """The convention called `name`. Raises UnknownNameError with the closest names."""
    try:
        return CONVENTIONS[name]
    except KeyError:
        raise UnknownNameError("convention", name, CONVENTIONS) from None
