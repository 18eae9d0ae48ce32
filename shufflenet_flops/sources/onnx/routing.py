"""Which experts and which rows of a table a token takes: layers of ONNX Runtime.

Source: ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Meaning,
    Nodes,
    Sizes,
    input_at,
    known_sizes,
    output_at,
)

if TYPE_CHECKING:
    from onnx import NodeProto


def _first_layer(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """One product for the scores of experts and for a gated layer of one that all tokens take."""
    known, weight = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[1])
    if known is None or weight is None:
        return None
    chain = Chain(node)
    value = chain.then("MatMul", list(node.input))
    scores = attributes["router_size"]
    half = [*known[:-1], (weight[-1] - scores) // 2]
    chain.gives(output_at(node, 0), "Unpacked", [value], shape=[*known[:-1], scores])
    gate, up = (chain.then("Unpacked", [value], shape=half) for _ in range(2))
    chain.gives(output_at(node, 1), "Mul", [chain.then("Swish", [gate]), up])
    return chain.nodes


def _scores(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Scores of experts, of a product or given, with a bias: of all, or of those chosen alone."""
    chain = Chain(node)
    value = node.input[0]
    if input_at(node, 2):
        value = chain.then("Gemm", [value, node.input[2]], transB=1)
    value = chain.gives(output_at(node, 2), "Sigmoid", [value])
    biased = chain.gives(output_at(node, 1), "Add", [value, node.input[1]])
    if output_at(node, 0):
        known = known_sizes(sizes, node.input[0])
        if known is None:
            return None
        rows = [-1, known[-1]]
        shape = chain.then("Constant", [], value_ints=rows)
        chain.gives(node.output[0], "Log", [chain.then("Reshape", [biased, shape])])
    return chain.nodes


def _places(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Of each token and those before it, a row of a table for each head: (..., heads)."""
    known, earlier = known_sizes(sizes, node.input[0]), known_sizes(sizes, input_at(node, 3))
    if known is None:
        return None
    chain = Chain(node)
    most = attributes["max_ngram_size"]
    if not 2 <= most <= 64:
        raise ValueError(f"max_ngram_size is {most}, and must be from 2 to 64")
    first = chain.then("Constant", [], value_ints=[0])
    factor = chain.then("Gather", [node.input[1], first])
    value = chain.then("Mul", [node.input[0], factor])
    for _ in range(most - 1):
        value = chain.then("BitwiseXor", [value, chain.then("Mul", [node.input[0], factor])])
    last = chain.then("Constant", [], value_ints=[-1])
    value = chain.then("Mod", [chain.then("Unsqueeze", [value, last]), node.input[2]])
    one_by_one = node.op_type == "VarlenNGramHashMapping"
    offsets = input_at(node, 5 if one_by_one else 4)
    chain.gives(node.output[0], "Add" if offsets else "Identity", [value, *filter(None, [offsets])])
    sequences = (earlier or [0])[0] - 1 if one_by_one else known[0]
    for position in range(1, len(node.output)):
        kept = [sequences, most - 1]
        if one_by_one and position == 3:
            kept.insert(1, attributes["state_update_capacity"])
        chain.gives(node.output[position], "Unpacked", [node.input[0]], shape=kept)
    return chain.nodes


ROUTING: Mapping[str, Meaning] = MappingProxyType(
    {
        "RouterGateUpProj": _first_layer,
        "MoEGroupRouter": _scores,
        **dict.fromkeys(("NGramHashMapping", "VarlenNGramHashMapping"), _places),
    }
)
