"""A network's totals in numbers of any kind: ints, sympy symbols or integer arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.counting.table import BYTES
from shufflenet_flops.spec import Node, Number, Shape, Visit, walk

METRICS = ("macs", "flops", "params", "activations", "memory_bytes")


def totals(node: Node, x: Shape) -> dict[str, Number]:
    """The METRICS of `node` on an input of shape `x` (batch first), as the layer table has them.

    An op met again on the same sizes, as in the equal units of a stage, is worked out once.
    """
    total = dict.fromkeys(METRICS, 0)
    for times, visit in _distinct(walk(node, x)):
        for metric, count in _counts(visit).items():
            total[metric] += times * count
    total["flops"] = 2 * total["macs"]
    return total


def _distinct(visits: Iterable[Visit]) -> Iterable[tuple[int, Visit]]:
    """Each distinct visit with the number of times it comes; equal means the very same objects."""
    found: dict[tuple[int, ...], list[Visit]] = {}
    for visit in visits:
        sizes = [size for shape in (*visit.inputs, visit.output) for size in shape]
        found.setdefault((id(visit.op), *map(id, sizes)), []).append(visit)
    return [(len(same), same[0]) for same in found.values()]


def _counts(visit: Visit) -> Mapping[str, Number]:
    _, op, xs, y = visit
    counts = op.counts(xs, y)
    read, written = op.traffic(xs, y)
    found = {"params": op.params, "memory_bytes": BYTES * (read + written)}
    macs = [count for op_class, count in counts.items() if op_class in MAC_CLASSES]
    if macs:
        found |= {"macs": sum(macs), "activations": prod(y)}
    return found
