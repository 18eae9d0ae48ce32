"""Kernels of an engine's own compiled graph: what it really runs, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from shufflenet_flops.latency.predict.kernels import SORTS, Kernel, in_network, sort_of

IntShape = tuple[int, ...]
# Operators by element on two values, of which one may be smaller.
BROADCAST = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Where", "Subgraph", "Eltwise")


def in_context(
    kernels: Sequence[Kernel | None], before: Sequence[int], weight_bytes: int
) -> list[Kernel | None]:
    """The kernels with what comes before each, a place among them or -1, and their network's.

    Whether it comes right before is left out: engines order independent nodes as it happens.
    """
    known = [kernel for kernel in kernels if kernel is not None]
    together = iter(in_network(known, weight_bytes))
    found: list[Kernel | None] = []
    for kernel, maker in zip(kernels, before, strict=True):
        made = kernels[maker] if maker >= 0 else None
        after = SORTS.index(sort_of(made.kind) if made is not None else SORTS[0])
        found.append(kernel and next(together)._replace(after=after))
    return found


def as_map(shape: IntShape, last: bool) -> tuple[int, int, int, int]:
    """A shape as (n, c, h, w): channels on the second axis, or on the `last`."""
    if len(shape) < 2:
        return 1, prod(shape), 1, 1
    if last or len(shape) == 3:
        return shape[0], shape[-1], prod(shape[1:-1]), 1
    if len(shape) == 2:
        return shape[0], shape[1], 1, 1
    return shape[0], shape[1], shape[2], prod(shape[3:])


def unknown(op: str) -> Kernel:
    """What stands for a node whose shapes are not known: no calibration covers it."""
    return Kernel(f"{op} of unknown shape", 1, 1, 1, 1, 1, 1, 1)
