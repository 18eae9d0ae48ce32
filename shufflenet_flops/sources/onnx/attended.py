"""Attention: what it does, from the shapes of its operands."""

from __future__ import annotations

from itertools import pairwise

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.causal import later_pairs
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, NotToldError, Operand, at, has
from shufflenet_flops.spec import OpClass


def attention(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Scores, softmax, weighted sum of the values; a mask saves nothing of it.

    Queries, keys and values have axes (batch, heads, length, size), or (batch, length, heads·size)
    with the heads as attributes. Earlier keys and values come before the new ones.
    """
    query, key, value = (at(xs, i).shape for i in range(3))
    if len(query) == 4:
        heads, length, size = query[1:]
        keys, width = key[2], value[3]
    else:
        heads = attributes["q_num_heads"]
        length, size, keys = query[1], query[2] // heads, key[1]
        width = value[2] // attributes["kv_num_heads"]
    if has(xs, 4):
        keys += at(xs, 4).shape[2]
    scores = query[0] * heads * length * keys
    later = query[0] * heads * later_pairs(length, keys)
    counts = {
        OpClass.MATMUL_MACS: scores * (size + width),
        OpClass.LATER_MACS: later * (size + width),
        OpClass.SOFTMAX_ELEMENTS: scores,
    }
    return Work("scaled_dot_product_attention", Kind.MATMUL, counts)


def packed_attention(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Within each of several sequences, whose ends among all tokens are values."""
    ends = at(xs, 3).values
    if ends is None:
        raise NotToldError("which attends within sequences whose lengths are values")
    pairs = sum(int(end - start) ** 2 for start, end in pairwise(ends))
    width = at(xs, 0).shape[-1] + at(xs, 2).shape[-1]
    heads = attributes["num_heads"]
    counts = {OpClass.MATMUL_MACS: pairs * width, OpClass.SOFTMAX_ELEMENTS: pairs * heads}
    return Work("scaled_dot_product_attention", Kind.MATMUL, counts)


def rotary(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each number by a cosine, its partner by a sine, and their sum."""
    counts = {OpClass.MUL_ELEMENTS: 2 * y.elements, OpClass.ADD_ELEMENTS: y.elements}
    return Work("rotary_embedding", Kind.ELEMENTWISE, counts)
