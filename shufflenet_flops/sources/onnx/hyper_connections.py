"""Several streams of features beside each other, what mixes them, and gates: of ONNX Runtime.

Streams are (..., streams, features), or (..., streams · features) with `num_branches` of them.
Source: ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
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

_NORM = "SimplifiedLayerNormalization"


class _Streams(Chain):
    """Nodes on streams, of which the shapes are known."""

    def __init__(self, node: NodeProto, attributes: Mapping[str, Any], known: list[int]) -> None:
        super().__init__(node)
        branches = attributes.get("num_branches", 0)
        self.whole = known
        self.rest = known[:-1] if branches else known[:-2]
        self.streams = branches or known[-2]
        self.features = known[-1] // branches if branches else known[-1]

    def as_streams(self, value: str) -> str:
        return self.shaped(value, self.streams, self.features)

    def shaped(self, value: str, *last: int) -> str:
        """The same numbers with these sizes behind those that all have."""
        return self.then("Unpacked", [value], shape=[*self.rest, *last])

    def spread(self, gates: str, width: int, features: str) -> str:
        """What is given to each stream: features by a gate of each, or of each feature in it."""
        gates = self.shaped(gates, self.streams, width)
        return self.then("Mul", [gates, self.shaped(features, 1, self.features)])


def _opened(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> _Streams | None:
    known = known_sizes(sizes, node.input[0])
    return None if known is None else _Streams(node, attributes, known)


def _norm(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    chain = _opened(node, attributes, sizes)
    if chain is None:
        return None
    scale = input_at(node, 1) or chain.then("Constant", [], value_float=1.0)
    value = chain.then(_NORM, [chain.as_streams(node.input[0]), scale])
    chain.then("Unpacked", [value], shape=chain.whole)
    return chain.end()


def _reduced(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """The sum of streams, each by its gate or by one for each feature."""
    chain = _opened(node, attributes, sizes)
    width = _gate_width(chain, known_sizes(sizes, node.input[1]))
    if chain is None or width is None:
        return None
    gates = chain.shaped(node.input[1], chain.streams, *([width] if width > 1 else []))
    equation = f"...ch,...c{'h' if width > 1 else ''}->...h"
    chain.then("Einsum", [chain.as_streams(node.input[0]), gates], equation=equation)
    return chain.end()


def _mixed(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Streams by a matrix of all with all, or as they are, and what each is given."""
    chain = _opened(node, attributes, sizes)
    width = _gate_width(chain, known_sizes(sizes, node.input[2]))
    if chain is None or width is None:
        return None
    value = chain.as_streams(node.input[0])
    if input_at(node, 3):
        value = chain.then("Einsum", [node.input[3], value], equation="...ck,...ch->...kh")
    value = chain.then("Add", [value, chain.spread(node.input[2], width, node.input[1])])
    chain.then("Unpacked", [value], shape=chain.whole)
    return chain.end()


def _gate_width(chain: _Streams | None, gates: list[int] | None) -> int | None:
    """1 for a gate of each stream, the number of features for one of each feature."""
    if chain is None or gates is None:
        return None
    return prod(gates[len(chain.rest) :]) // chain.streams


def _low_rank(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Gates of two products through few numbers, and those of the next block of a third."""
    chain = _opened(node, attributes, sizes)
    if chain is None:
        return None
    value = chain.as_streams(node.input[0])
    if input_at(node, 5):
        value = chain.then("Add", [value, chain.spread(node.input[6], 1, node.input[5])])
    chain.gives(output_at(node, 2), "Unpacked", [value], shape=chain.whole)
    shape = [chain.streams, chain.features]
    scale = chain.then("Unpacked", [node.input[1]], shape=shape)
    value = chain.then(_NORM, [value, scale])
    flat = chain.then("Unpacked", [value], shape=chain.whole)
    narrow = chain.then("Swish", [chain.then("MatMul", [flat, node.input[2]])])
    gates = chain.then("Sigmoid", [chain.then("MatMul", [narrow, node.input[3]])])
    products = [value, chain.as_streams(gates)]
    chain.gives(output_at(node, 0), "Einsum", products, equation="...ch,...ch->...h")
    chain.gives(output_at(node, 1), "Sigmoid", [chain.then("MatMul", [flat, node.input[4]])])
    return chain.nodes


def _by_likeness(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A value for each stream, by how like its key is to its query: (batch, length, streams, h)."""
    chain = _opened(node, {}, sizes)
    if chain is None:
        return None
    pair = [chain.then(_NORM, [node.input[i], node.input[3 + i]]) for i in range(2)]
    likeness = chain.then("Einsum", pair, equation="...h,...h->...")
    gates = chain.then("Sigmoid", [likeness])
    value = chain.spread(gates, 1, node.input[2])
    value = chain.gives(node.output[0], "Identity", [value])
    if output_at(node, 1):
        chain.gives(node.output[1], _NORM, [value, node.input[5]])
    return chain.nodes


def _gated_sum(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """One tensor, and another by a gate, which is a product's where there is a weight for it."""
    chain = Chain(node)
    gate = node.input[2]
    if input_at(node, 3):
        gate = chain.then("Sigmoid", [chain.then("MatMul", list(node.input[2:4]))])
    chain.then("Add", [node.input[0], chain.then("Mul", [node.input[1], gate])])
    return chain.end()


HYPER_CONNECTIONS: Mapping[str, Meaning] = MappingProxyType(
    {
        "BranchwiseRMSNorm": _norm,
        "HyperConnectionPreMix": _reduced,
        "HyperConnectionPostMix": _mixed,
        "HyperConnectionLowRankMix": _low_rank,
        "EngramGate": _by_likeness,
        "GatedAdd": _gated_sum,
    }
)
