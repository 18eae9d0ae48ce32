"""Attention that keeps a matrix for each head in the place of all earlier keys and values."""

from __future__ import annotations

from math import prod

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def linear_attention(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """What each token adds to the state of its head, and reads of it.

    Queries, keys and values are (batch, length, heads·size), a state is a key's size by a value's.
    A key and a value are multiplied into it and a query takes a value from it; by a delta rule a
    key takes one first, and by a gate all of it decays.
    """
    query, key, value = (at(xs, i).shape for i in range(3))
    heads, kept = attributes["q_num_heads"], attributes["kv_num_heads"]
    rule = attributes.get("update_rule", "gated_delta")
    state = key[2] // kept * (value[2] // kept)
    return _work(query[0] * query[1] * state, heads, kept, rule)


def recurrence(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """The same with a `state` for each head of values, (heads, size of a value, of a key)."""
    heads, *state = attributes["state"]
    tokens = y.elements // max(1, heads * state[0])
    return _work(tokens * prod(state), heads, heads, attributes["update_rule"])


def _work(elements: int, heads: int, kept: int, rule: str) -> Work:
    """For so many elements of a state at all tokens, of one head."""
    products = heads + kept + (kept if "delta" in rule else 0)
    counts = {OpClass.MATMUL_MACS: elements * products}
    if "gated" in rule:
        counts[OpClass.MUL_ELEMENTS] = elements * kept
    return Work("linear_attention", Kind.MATMUL, counts)
