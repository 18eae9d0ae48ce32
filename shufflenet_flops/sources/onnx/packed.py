"""Products of ONNX Runtime with weights whose numbers take a few bits each.

Source: ONNX Runtime's ContribOperators.md. Scales and zero points say how numbers are written.
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
from shufflenet_flops.sources.onnx.experts import packed_mixture

if TYPE_CHECKING:
    from onnx import NodeProto


def _product(chain: Chain, x: str, weight: str, rows: int, columns: int, bias: str = "") -> str:
    """A product with a weight of so many rows and columns, and its bias or none."""
    weight = chain.then("PackedWeight", [weight], shape=[rows, columns])
    value = chain.then("MatMul", [x, weight])
    return chain.then("Add", [value, bias]) if bias else value


def _of_bits(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """By a weight of N rows and K columns, transposed, or as it is where the node says so."""
    chain = Chain(node)
    rows, columns = attributes["K"], attributes["N"]
    if not attributes.get("transB", 1):
        rows, columns = columns, rows
    bias = input_at(node, 5) if node.op_type == "MatMulNBits" else ""
    value = _product(chain, node.input[0], node.input[1], rows, columns, bias)
    for op_type in _ACTIVATIONS.get(attributes.get("activation_type", ""), ()):
        value = chain.then(op_type, [value, value] if op_type == "Mul" else [value])
    return chain.end()


_ACTIVATIONS = {
    "silu": ("Swish",),
    "relu2": ("Relu", "Mul"),
    "relu_squared": ("Relu", "Mul"),
}


def _blocked(numbers: int, bias: int) -> Meaning:
    """By the transposed of a weight whose elements hold so many numbers, with a bias or none."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
        known = known_sizes(sizes, node.input[1])
        if known is None or len(known) != 2:
            return None
        chain = Chain(node)
        rows = known[1] * numbers
        _product(chain, node.input[0], node.input[1], rows, known[0], input_at(node, bias))
        return chain.end()

    return meaning


def _adapted(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A product, and beside it two through few numbers, which are added where there are any."""
    down, up = known_sizes(sizes, node.input[3]), known_sizes(sizes, node.input[5])
    if down is None or up is None:
        return None
    chain = Chain(node)
    rows, columns = attributes["K"], attributes["N"]
    value = _product(chain, node.input[0], node.input[1], rows, columns)
    if down[0] and up[0] and 0 not in up:
        narrow = _product(chain, node.input[0], node.input[3], rows, down[0])
        chain.then("Add", [value, _product(chain, narrow, node.input[5], down[0], columns)])
    return chain.end()


def _normed(chain: Chain, node: NodeProto, residual: int) -> str:
    """The first input as the products see it: with the second added, by the third normed, or not.

    The sum is what the node gives at `residual`, where that is asked for.
    """
    x, skip, scale = (input_at(node, position) for position in range(3))
    if skip:
        x = chain.gives(output_at(node, residual), "Add", [x, skip])
    return chain.then("SimplifiedLayerNormalization", [x, scale]) if scale else x


def _queries_keys_values(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    x = _normed(chain, node, 3)
    for i, columns in enumerate(attributes[name] for name in ("Nq", "Nkv", "Nkv")):
        weight, bias = node.input[3 + 3 * i], input_at(node, 5 + 3 * i)
        value = _product(chain, x, weight, attributes["K"], columns, bias)
        chain.gives(output_at(node, i), "Identity", [value])
    return chain.nodes


def _gated(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    x = _normed(chain, node, 1)
    gate, up = (
        _product(chain, x, node.input[3 + i], attributes["K"], attributes["N"], input_at(node, j))
        for i, j in ((0, 5), (3, 8))
    )
    activation = {"gelu": "Gelu", "relu": "Relu"}.get(attributes.get("activation", ""), "Swish")
    chain.then("Mul", [chain.then(activation, [gate]), up])
    return chain.end()


def _looked_up(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    table = chain.then("PackedWeight", [node.input[0]], bits=attributes.get("bits", 4))
    axis = attributes.get("gather_axis", 0)
    chain.then("Gather", [table, node.input[1]], axis=axis)
    return chain.end()


PACKED: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(("MatMulNBits", "MatMulBnb4", "MatMulPacked"), _of_bits),
        "MatMulBlockQuantizedFp4Weight": _blocked(2, 5),
        "MatMulBlockQuantizedFp8Weight": _blocked(1, 4),
        "MatMulNBitsQLoRA": _adapted,
        "MatMulNBitsQkv": _queries_keys_values,
        "MatMulNBitsMlp": _gated,
        "GatherBlockQuantized": _looked_up,
        "QMoE": packed_mixture,
    }
)
