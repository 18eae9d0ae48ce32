"""ONNX Runtime's forms of attention, as ONNX's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Meaning,
    Nodes,
    Sizes,
    input_at,
    inputs_at,
    known_sizes,
    make_node,
)

if TYPE_CHECKING:
    from onnx import NodeProto


def self_attention(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """One product for queries, keys and values, then attention on them and on earlier ones.

    The earlier keys and values are one tensor: (2, batch, heads, length, size).
    """
    past = input_at(node, 8 if node.op_type == "QAttention" else 4)
    x, weight = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[1])
    earlier = known_sizes(sizes, past) if past else [2, 0, 0, 0, 0]
    if x is None or weight is None or earlier is None:
        return None
    chain = Chain(node)
    widths = attributes.get("qkv_hidden_sizes") or [weight[-1] // 3] * 3
    operands = _projected(chain, node, x[:-1], widths)
    if past:
        operands += ["", *(_part(chain, past, earlier[1:]) for _ in range(2))]
    heads = attributes["num_heads"]
    chain.then("Attention", operands, q_num_heads=heads, kv_num_heads=heads)
    made = chain.end()
    if present := [name for name in node.output[1:2] if name]:
        length = earlier[3] + x[1]
        shape = [2, x[0], heads, length, widths[1] // heads]
        made.append(make_node("Unpacked", list(node.output[:1]), present, shape=shape))
    return made


def ordered_attention(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """A product each for queries, keys and values, of whole numbers, then attention on them."""
    chain = Chain(node)
    parts = []
    for i in range(3):
        value = chain.then("MatMul", [node.input[0], node.input[5 + i]])
        parts.append(chain.then("Add", [value, node.input[11 + i]]))
    heads = attributes["num_heads"]
    chain.then("Attention", parts, q_num_heads=heads, kv_num_heads=heads)
    return chain.end()


def packed_self_attention(
    node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes
) -> Nodes | None:
    """One product for queries, keys and values of all tokens, (tokens, width), then attention."""
    x, weight = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[1])
    if x is None or weight is None:
        return None
    chain = Chain(node)
    widths = attributes.get("qkv_hidden_sizes") or [weight[-1] // 3] * 3
    parts = _projected(chain, node, x[:1], widths)
    _within_sequences(chain, parts, node.input[4], [x[0], widths[-1]], attributes)
    return chain.end()


def _projected(
    chain: Chain, node: NodeProto, tokens: Sequence[int], widths: Sequence[int]
) -> list[str]:
    """Queries, keys and values of these widths, by one product of all and its bias."""
    value = chain.then("MatMul", list(node.input[:2]))
    if input_at(node, 2):
        value = chain.then("Add", [value, node.input[2]])
    return [_part(chain, value, [*tokens, width]) for width in widths]


def packed_attention(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Attention within sequences that follow one another.

    Queries, keys and values are (tokens, width) each, or one (tokens, heads, 3, size).
    """
    names = [input_at(node, position) for position in range(3)]
    queries, values = known_sizes(sizes, names[0]), known_sizes(sizes, names[2])
    chain = Chain(node)
    if queries is not None and len(queries) == 4:
        tokens, heads, _, size = queries
        values = [tokens, heads * size]
        names = [_part(chain, names[0], values) for _ in range(3)]
    if queries is None or values is None:
        return None
    if input_at(node, 3):
        names[0] = chain.then("Add", [names[0], _part(chain, node.input[3], [queries[-1]])])
    _within_sequences(chain, names, node.input[5], values, attributes)
    return chain.end()


def _within_sequences(
    chain: Chain, parts: list[str], ends: str, shape: Sequence[int], attributes: Mapping[str, Any]
) -> None:
    heads = attributes["num_heads"]
    chain.then("PackedAttention", [*parts, ends], shape=list(shape), num_heads=heads)


def attention(past: int) -> Meaning:
    """Attention on queries, keys and values, however packed, with earlier ones at `past` or none.

    All have three axes, or keys and values have their heads apart: (batch, heads, length, size).
    Packed are (batch, length, heads, 3 or 2, size), and (batch, length, all heads · size).
    """

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
        if attributes.get("past_present_share_buffer"):
            return None  # of which nothing tells how much is filled
        chain = Chain(node)
        heads = attributes["num_heads"]
        shared = attributes.get("kv_num_heads", heads)
        operands = _operands(chain, node, sizes, heads, shared)
        if operands is None:
            return None
        inputs = [*operands, "", *inputs_at(node, (past, past + 1))]
        while not inputs[-1]:
            inputs.pop()
        chain.then("Attention", inputs, q_num_heads=heads, kv_num_heads=shared)
        return chain.end(*node.output[1:3])

    return meaning


def _operands(
    chain: Chain, node: NodeProto, sizes: Sizes, heads: int, shared: int
) -> list[str] | None:
    """Queries, keys and values, each of three axes."""
    names = [input_at(node, position) for position in range(3)]
    known = [known_sizes(sizes, name) for name in names if name]
    match [len(size) for size in known if size is not None]:
        case [3, 3, 3]:
            return names
        case [3, 4, 4]:
            parts = [(name, size) for name, size in zip(names, known, strict=True) if size]
            return [names[0], *(_part(chain, x, [n, m, h * d]) for x, (n, h, m, d) in parts[1:])]
        case [3, 5] if known[1]:
            n, m, h, _, d = known[1]
            return [names[0], *(_part(chain, names[1], [n, m, h * d]) for _ in range(2))]
        case [5] if known[0]:
            n, m, h, _, d = known[0]
            return [_part(chain, names[0], [n, m, h * d]) for _ in range(3)]
        case [3] if known[0]:
            n, m, width = known[0]
            size = width // (heads + 2 * shared)
            widths = (heads * size, shared * size, shared * size)
            return [_part(chain, names[0], [n, m, part]) for part in widths]
    return None


def _part(chain: Chain, value: str, shape: Sequence[int]) -> str:
    """A part of a value, which is not moved."""
    return chain.then("Unpacked", [value], shape=list(shape))
