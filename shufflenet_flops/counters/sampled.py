"""What torch's profiler sees of what `torch.vmap` runs: a product at each level of it.

An op is dispatched as it was called, for one sample, and then again for the samples of each level.
Sums and products by element are seen the first time alone, and so are convolutions; what adds to a
product is dispatched once, and then taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from shufflenet_flops.counters.cost_model import Part, qualified
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

_PRODUCTS = frozenset({"mm", "bmm"})
_UNKNOWN = qualified("torch: dot vdot mv", "torch.Tensor: dot vdot mv")  # to the profiler


def first_operand(row: Row) -> int:
    """Elements of the first operand, of one sample where it holds several."""
    first, samples = row.operands[0], row.call.samples
    elements = prod(first)
    if samples and len(first) == len(row.output) and first[: len(samples)] == samples:
        return elements // prod(samples)
    return elements


def again(rows: Iterable[Row]) -> Iterator[Part]:
    """FLOPs of products that it sees beside those that run in the end."""
    product: Row | None = None
    for row in rows:
        samples, function = row.call.samples, row.call.function
        if not samples:
            product = None
        elif row.aten in _PRODUCTS:
            product = row
            if function not in _UNKNOWN:
                seen = sum(row.macs // prod(samples[:level]) for level in _levels(samples))
                yield Part(row.path, _term(row), 2 * seen)
        elif row.aten == "mul" and product is not None and product.call == row.call:
            # The factor of what is added, where the two were one op.
            yield Part(row.path, _term(product), 2 * (product.macs // prod(samples)))
            product = None


def _levels(samples: tuple[int, ...]) -> range:
    return range(1, len(samples) + 1)


def _term(row: Row) -> str:
    is_layer = OpClass.LINEAR_MACS in row.counts
    return (OpClass.LINEAR_MACS if is_layer else OpClass.MATMUL_MACS).value
