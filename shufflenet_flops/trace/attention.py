"""Attention that torch took apart: its rows put together again."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.counting import Kind, Row
from shufflenet_flops.spec import OpClass


def fused(rows: Sequence[Row]) -> list[Row]:
    """`rows` with each scaled dot-product attention as one row.

    On the meta device torch has no fused kernel for it and runs its parts, of which this softmax
    is a sign: two scalings, a product, perhaps the mask's addition, the softmax, a product. Where
    kernels run, the parts are one op. Inputs of the row are queries, keys and values.
    """
    found: list[Row] = []
    waiting: Row | None = None  # the softmax, until the product that follows it
    for row in rows:
        if row.aten == "_safe_softmax":
            waiting = row
        elif waiting is not None and row.kind is Kind.MATMUL:
            scores = _take_back(found)
            values = row.operands[1]
            queries, keys = scores.operands
            found.append(
                row._replace(
                    op="scaled_dot_product_attention",
                    inputs=(queries, (*keys[:-2], keys[-1], keys[-2]), values),
                    operands=(queries, (*keys[:-2], keys[-1], keys[-2]), values),
                    counts={
                        OpClass.MATMUL_MACS: scores.macs + row.macs,
                        OpClass.SOFTMAX_ELEMENTS: waiting.counts[OpClass.SOFTMAX_ELEMENTS],
                    },
                    read_bytes=scores.read_bytes + row.read_bytes - waiting.read_bytes,
                    aten="scaled_dot_product_attention",
                )
            )
            waiting = None
        else:
            found.append(row)
    return found


def _take_back(rows: list[Row]) -> Row:
    """Remove the product of the scores and the two scalings from the end of `rows`; the product."""
    while (product := rows.pop()).kind is not Kind.MATMUL:
        pass
    for _ in range(2):
        while rows.pop().op != "mul":
            pass
    return product
