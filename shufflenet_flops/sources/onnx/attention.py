"""ONNX Runtime's forms of attention, as ONNX's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import Chain, Meaning, Nodes, Rank, input_at, inputs_at

if TYPE_CHECKING:
    from onnx import NodeProto


def self_attention(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
    """One product for queries, keys and values, then attention."""
    past = 8 if node.op_type == "QAttention" else 4
    if input_at(node, past):
        return None
    chain = Chain(node)
    value = chain.then("MatMul", list(node.input[:2]))
    if input_at(node, 2):
        value = chain.then("Add", [value, node.input[2]])
    sizes = attributes.get("qkv_hidden_sizes")
    if sizes:
        split = chain.then("Constant", [], value_ints=sizes)
        first = chain.then("Split", [value, split], outputs=3, axis=-1)
    else:
        first = chain.then("Split", [value], outputs=3, axis=-1, num_outputs=3)
    heads = attributes["num_heads"]
    parts = [first, f"{first}.1", f"{first}.2"]
    chain.then("Attention", parts, q_num_heads=heads, kv_num_heads=heads)
    return chain.end()


def attention(past: int) -> Meaning:
    """Attention on queries, keys and values of three axes, with earlier keys and values or none."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
        if any(rank(input_at(node, position)) != 3 for position in (0, 1, 2)):
            return None
        chain = Chain(node)
        heads = attributes["num_heads"]
        inputs = [*node.input[:3], "", *inputs_at(node, (past, past + 1))]
        while not inputs[-1]:
            inputs.pop()
        shared = attributes.get("kv_num_heads", heads)
        chain.then("Attention", inputs, q_num_heads=heads, kv_num_heads=shared)
        return chain.end(*node.output[1:])

    return meaning
