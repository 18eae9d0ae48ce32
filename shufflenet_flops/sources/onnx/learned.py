"""What a model of `machine_learning.py` does with each row: trees and distances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def distance(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Of each pair of vectors, every element looked at."""
    return work_of("_cdist_forward", y.elements * at(xs, 0).shape[-1])


def trees(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Comparisons down each tree, and the sum of what the leaves weigh, for each row."""
    rows = y.shape[0]
    counts = {
        OpClass.ELEMENTWISE_ELEMENTS: rows * attributes["comparisons"],
        OpClass.ADD_ELEMENTS: rows * attributes["additions"],
    }
    return Work("tree_ensemble", Kind.ELEMENTWISE, counts)


_Place = tuple[int, int]


def comparisons(roots: Iterable[_Place], below: Mapping[_Place, Sequence[_Place]]) -> int | None:
    """Comparisons from each root to its deepest leaf, of which none has another below it.

    None where trees go in circles.
    """
    total = 0
    for root in roots:
        level, seen = [root], 0
        while level := [other for place in level for other in below.get(place, ())]:
            total, seen = total + 1, seen + len(level)
            if seen > 2 * len(below):
                return None
    return total
