"""A network's totals in numbers of any kind: ints, sympy symbols or integer arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.counting.table import BYTES, counted, row_of
from shufflenet_flops.spec import Node, Shape, Visit, walk
from shufflenet_flops.spec.numbers import whole


def totals(node: Node, x: Shape) -> dict[str, Any]:
    """`TOTALS` of `node` on an input of shape `x` (batch first), as the layer table has them.

    An op met again on the same sizes, as in the equal units of a stage, is worked out once.
    """
    sums: dict[str, Any] = dict.fromkeys(("macs", "params", "activations", "memory_bytes"), 0)
    for times, visit in _distinct(counted(walk(node, x))):
        row = row_of(visit, 1)  # memory in elements, and in bytes only once it is added up
        for metric, total in sums.items():
            sums[metric] = _plus(total, times, getattr(row, metric))
    return {
        "macs": sums["macs"],
        "flops": 2 * sums["macs"],
        "params": sums["params"],
        "activations": sums["activations"],
        "memory_bytes": BYTES * sums["memory_bytes"],
    }


def macs_and_params(node: Node, x: Shape) -> tuple[int, int]:
    """The two of `totals` that a list of networks shows, with no row made; `x` is of ints."""
    macs: Any = 0
    params: Any = 0
    for _, op, inputs, output in counted(walk(node, x)):
        for op_class, count in op.counts(inputs, output).items():
            if op_class in _MACS:
                macs += count
        params += op.params
    return whole(macs), whole(params)


_MACS = frozenset(MAC_CLASSES)


def _plus(total: Any, times: int, amount: Any) -> Any:
    """Without the zeros, each of which would be a pass over whole arrays."""
    if isinstance(amount, int) and amount == 0:
        return total
    amount = amount if times == 1 else times * amount
    return amount if isinstance(total, int) and total == 0 else total + amount


def _distinct(visits: Iterable[Visit]) -> Iterable[tuple[int, Visit]]:
    """Each distinct visit with the number of times it comes; equal means the very same objects."""
    alike: dict[tuple[int, ...], list[Visit]] = {}
    for visit in visits:
        sizes = [size for shape in (*visit.inputs, visit.output) for size in shape]
        alike.setdefault((id(visit.op), *map(id, sizes)), []).append(visit)
    return [(len(same), same[0]) for same in alike.values()]
