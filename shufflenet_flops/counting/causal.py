"""Attention between a query and the keys after it, which a causal mask hides.

Which mask a model has is not asked: this is the work that any causal one would spare.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from shufflenet_flops.counting.row import IntShape, Row
from shufflenet_flops.spec import OpClass


def later_pairs(queries: int, keys: int) -> int:
    """Pairs of a query and a key after it, where the queries are the last of the keys' tokens.

    Of s tokens over themselves s·(s - 1)/2; those of a cache before them are after none.
    """
    own = min(queries, keys)
    return own * (own - 1) // 2


def with_later_macs(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows, with the `LATER_MACS` of attention that is written out.

    That is a softmax, the product before it that makes its scores, and the one after it that uses
    them. Attention in one op has them from its rule.
    """
    found = list(rows)
    softmaxes = [i for i, row in enumerate(found) if _is_softmax(row)]
    for before, place, after in zip(
        [-1, *softmaxes], softmaxes, [*softmaxes[1:], len(found)], strict=False
    ):
        scores = found[place].output
        made = [i for i in range(before + 1, place) if _is_of(scores, found[i], found[i].output)]
        used = [i for i in range(place + 1, after) if _is_of(scores, found[i], *found[i].inputs)]
        if made and used:
            for i in (made[-1], used[0]):
                found[i] = _with_later(found[i], scores)
    return tuple(found)


def _is_softmax(row: Row) -> bool:
    counts = row.counts
    return (
        OpClass.SOFTMAX_ELEMENTS in counts
        and OpClass.MATMUL_MACS not in counts
        and len(row.output) > 1
        and later_pairs(*row.output[-2:]) > 0
    )


def _is_of(scores: IntShape, row: Row, *shapes: IntShape) -> bool:
    """Whether the row is a product, and one of these shapes is that of the scores by heads."""
    return OpClass.MATMUL_MACS in row.counts and any(
        shape[-2:] == scores[-2:] and prod(shape) == prod(scores) for shape in shapes
    )


def _with_later(row: Row, scores: IntShape) -> Row:
    pairs = prod(scores[-2:])
    later = row.counts[OpClass.MATMUL_MACS] // pairs * later_pairs(*scores[-2:])
    return row._replace(counts={**row.counts, OpClass.LATER_MACS: later})
