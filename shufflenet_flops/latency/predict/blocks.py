"""Which maps ONNX Runtime holds in blocks of channels, and where it changes them back.

Convolutions work on blocks where the channels of their input fill whole quarters of a vector; what
follows stays in blocks as far as its op can, and every change costs a pass over the map (ONNX
Runtime, `nchwc_transformer.cc`).
"""

from __future__ import annotations

from math import prod
from typing import Any

from shufflenet_flops.counting.row import CONV_KINDS, Kind, Row
from shufflenet_flops.latency.predict.row_kernels import alike, ungrouped
from shufflenet_flops.spec import Shape

_BLOCK = 16
_QUARTER = 4
_REMEMBERED = 12  # values, as many as a unit's branches still need
_POOLS = {"max_pool2d", "avg_pool2d"}
_ARITHMETIC = {"add", "mul"}
_EITHER = {
    *("relu", "relu6", "clamp", "leaky_relu", "sigmoid", "hardsigmoid", "tanh", "silu"),
    *("hardswish", "gelu", "batch_norm"),
}

Flag = Any  # 0 or 1, or an array of them


class Layouts:
    """The values written so far: of each its shape, and whether it is at hand plain and blocked."""

    def __init__(self) -> None:
        self._values: list[tuple[Shape, Flag, Flag]] = []

    def of(self, row: Row) -> Flag:
        """How the row's kernel works, a place in LAYOUTS, or an array of them; notes its output."""
        reads, writes = self._wanted(row)
        kept: Flag = 1
        for x in row.inputs:
            kept = kept * self._at_hand(ungrouped(x), reads)
        self._values.insert(0, (ungrouped(row.output), 1 - writes, writes))
        del self._values[_REMEMBERED:]
        return kept * writes + (1 - kept) * (3 - reads)

    def _wanted(self, row: Row) -> tuple[Flag, Flag]:
        """Whether the kernel reads blocks, and whether it writes them."""
        if row.kind in CONV_KINDS and row.op == "conv2d" and len(row.output) == 4:
            return _conv(row)
        both: Flag = 0
        if len(row.output) != 4 or not row.inputs:
            return 0, 0
        if row.op in _POOLS:
            both = _fills(row.output[1], _BLOCK)
        elif row.op in _EITHER or (
            row.op in _ARITHMETIC and len(row.inputs) == 2 and alike(*row.inputs)
        ):
            both = self._blocked(row.inputs[0])
        elif row.op == "cat" and all(len(x) == 4 for x in row.inputs):
            both = prod(self._blocked(x) * _fills(x[1], _BLOCK) for x in row.inputs)
        return both, both

    def _blocked(self, x: Shape) -> Flag:
        return next((blocked for shape, _, blocked in self._values if alike(shape, x)), 0)

    def _at_hand(self, x: Shape, blocked: Flag) -> Flag:
        """Whether a value has this layout; from now on it has, as a change is kept for others.

        What is not known was written in the common layout, or is a view of something.
        """
        for place, (shape, plain, blocks) in enumerate(self._values):
            if alike(shape, x):
                found = blocked * blocks + (1 - blocked) * plain
                changed = 1 - found
                known = (plain + changed * (1 - blocked), blocks + changed * blocked)
                self._values[place] = (shape, *known)
                return found
        if len(x) == 4:
            self._values.append((x, 1, blocked))
        return 1 - blocked


def _conv(row: Row) -> tuple[Flag, Flag]:
    """Depthwise and dense ones work on blocks from quarters of a vector on, grouped on whole ones.

    Of fewer channels than a vector a dense one reads the common layout, and writes blocks.
    """
    c_in, c_out = row.inputs[0][1], row.output[1]
    groups = 1 if row.groups is None else row.groups
    if row.kind is Kind.DEPTHWISE_CONV:
        works = _fills(c_out, _QUARTER)
        return works, works
    if row.kind in (Kind.GROUPED_CONV, Kind.GROUPED_POINTWISE_CONV):
        works = _fills(c_in // groups, _BLOCK) * _fills(c_out // groups, _BLOCK)
        return works, works
    few: Flag = 1 * (c_in < _BLOCK)
    works = _fills(c_in, _QUARTER)
    return works * (1 - few), few + works * (1 - few)


def _fills(channels: Any, unit: int) -> Flag:
    return 1 * (channels % unit == 0)
