"""A network's totals in numbers of any kind: ints, sympy symbols or integer arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shufflenet_flops.counting.metric import TOTALS
from shufflenet_flops.counting.table import counted, row_of
from shufflenet_flops.spec import Node, Shape, Visit, walk


def totals(node: Node, x: Shape) -> dict[str, Any]:
    """The TOTALS of `node` on an input of shape `x` (batch first), as the layer table has them.

    An op met again on the same sizes, as in the equal units of a stage, is worked out once.
    """
    rows = [(times, row_of(visit)) for times, visit in _distinct(counted(walk(node, x)))]
    summed = {
        metric: sum(times * getattr(row, metric) for times, row in rows)
        for metric in TOTALS
        if metric != "flops"
    }
    summed["flops"] = 2 * summed["macs"]
    return {metric: summed[metric] for metric in TOTALS}


def _distinct(visits: Iterable[Visit]) -> Iterable[tuple[int, Visit]]:
    """Each distinct visit with the number of times it comes; equal means the very same objects."""
    alike: dict[tuple[int, ...], list[Visit]] = {}
    for visit in visits:
        sizes = [size for shape in (*visit.inputs, visit.output) for size in shape]
        alike.setdefault((id(visit.op), *map(id, sizes)), []).append(visit)
    return [(len(same), same[0]) for same in alike.values()]
