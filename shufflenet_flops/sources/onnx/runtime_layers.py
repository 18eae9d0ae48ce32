"""Layers that only ONNX Runtime has, as ONNX's own operators.

Source: ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import Chain, Meaning, Nodes, Sizes, input_at, make_node
from shufflenet_flops.sources.onnx.elements import INT32, INT64

if TYPE_CHECKING:
    from onnx import NodeProto


def _spectrum(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A Fourier transform of real signals along their last axes, or back: (..., length, 2)."""
    known = sizes(node.input[0])
    axes, half = int(attributes["signal_ndim"]), attributes.get("onesided", 1)
    if known is None or None in known:
        return None
    whole = [size for size in known if size is not None]
    if node.op_type == "Irfft":
        *whole, last, _ = whole
        shape = whole = [*whole, 2 * (last - 1) if half else last]
    else:
        shape = [*whole[:-1], whole[-1] // 2 + 1 if half else whole[-1], 2]
    sides = {"shape": shape, "lengths": whole[-axes:], "signals": prod(whole[:-axes])}
    return [make_node("Spectrum", list(node.input[:1]), list(node.output), **sides)]


def _unfolded(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Windows along one axis, each as a last axis: (..., windows, ..., size)."""
    known = sizes(node.input[0])
    if known is None or None in known:
        return None
    shape = [size for size in known if size is not None]
    axis, size, step = attributes.get("dim", -1), attributes["size"], attributes.get("step", 1)
    shape[axis] = (shape[axis] - size) // step + 1
    made = make_node("Windows", list(node.input[:1]), list(node.output), shape=[*shape, size])
    return [made]


def _with_axis(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """One more axis, at a place that is a 32-bit number without axes."""
    chain = Chain(node)
    one = chain.then("Constant", [], value_ints=[1])
    place = chain.then("Reshape", [chain.then("Cast", [node.input[1]], to=INT64), one])
    chain.then("Unsqueeze", [node.input[0], place])
    return chain.end()


def _integer_product(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A product of numbers of 16 bits, which ONNX has for wider ones."""
    chain = Chain(node)
    wide = []
    for name in node.input[:2]:
        known = sizes(name)
        if known is None or None in known:
            return None
        shape = [size for size in known if size is not None]
        wide.append(chain.then("Unpacked", [name], shape=shape, to=INT32))
    chain.then("MatMul", wide)
    return chain.end()


def _word_convolution(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Each word's characters looked up, a convolution over them, its tanh and its maximum.

    Words are (batch, words, characters), filters (c_out, 1, window, c_in).
    """
    words, filters = sizes(node.input[0]), sizes(node.input[1])
    if words is None or filters is None or None in (*words, *filters):
        return None
    batch, count, length = (size or 0 for size in words)
    channels, _, _, depth = (size or 0 for size in filters)
    chain = Chain(node)
    found = chain.then("Gather", [node.input[3], node.input[0]])
    one_by_one = [batch * count, 1, length, depth]
    value = chain.then("Unpacked", [found], shape=one_by_one)
    value = chain.then("Conv", [value, node.input[1], node.input[2]])
    value = chain.then("ReduceMax", [chain.then("Tanh", [value])], keepdims=0)
    chain.then("Unpacked", [value], shape=[batch, count, channels])
    return chain.end()


def _gated_bias(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A bias for attention, scaled by what queries say: a small product for each head and token."""
    queries, weight = sizes(node.input[0]), sizes(node.input[3])
    if queries is None or weight is None or len(queries) != 3 or None in (*queries, *weight):
        return None  # packed, of which values tell how many tokens there are
    batch, length, _ = (size or 0 for size in queries)
    heads, size = attributes["num_heads"], weight[0]
    chain = Chain(node)
    value = chain.then("Add", list(node.input[:2]))
    value = chain.then("Unpacked", [value], shape=[batch, heads, length, size])
    value = chain.then("MatMul", [value, node.input[3]])
    if input_at(node, 4):
        value = chain.then("Add", [value, node.input[4]])
    value = chain.then("Unpacked", [value], shape=[batch, heads, length, 2, (weight[1] or 0) // 2])
    value = chain.then("IntegerSum", [value], shape=[batch, heads, length, 2])
    gate = chain.then("Sigmoid", [value])
    gate = chain.then("Unpacked", [gate], shape=[batch, heads, length, 1])
    gate = chain.then("Mul", [gate, node.input[5]])
    chain.then("Mul", [gate, node.input[2]])
    return chain.end()


def _rotated_pair(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """Queries and keys, each by a cosine, and their halves changed by a sine."""
    chain = Chain(node)
    angles = node.input[0]
    parts = [chain.then(name, [angles]) for name in ("Cos", "Sin")]
    for pair, output in ((node.input[1:3], node.output[0]), (node.input[3:5], node.output[1])):
        scaled = [chain.then("Mul", list(names)) for names in zip(pair, parts, strict=True)]
        chain.gives(output, "Add", scaled)
    return chain.nodes


def _gated_gelu(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A bias, and half of the channels by a GELU of the other half."""
    known = sizes(node.input[0])
    if known is None or None in known or not known[-1]:
        return None
    chain = Chain(node)
    value = chain.then("Add", list(node.input[:2]))
    half = [*known[:-1], known[-1] // 2]
    value, gate = (chain.then("Unpacked", [value], shape=half) for _ in range(2))
    chain.then("Mul", [value, chain.then("Gelu", [gate])])
    return chain.end()


def _distances(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Of each row of one table from each row of another."""
    shapes = [sizes(name) for name in node.input]
    if any(shape is None or len(shape) != 2 or None in shape for shape in shapes):
        return None
    rows = [shape[0] for shape in shapes if shape is not None]
    return [make_node("CDist", list(node.input), list(node.output), shape=rows)]


def _gated(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """A gate's Swish, by what goes on; which is normed before where the node says so."""
    chain = Chain(node)
    gate, value = node.input[0], input_at(node, 1)
    if node.op_type == "GatedRMSNorm":
        gate = node.input[2]
        value = chain.then("SimplifiedLayerNormalization", list(node.input[:2]))
    chain.then("Mul", [chain.then("Swish", [gate]), value])
    return chain.end()


def _complex_product(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """Four products of parts and two sums for each pair of parts."""
    chain = Chain(node)
    parts = [chain.then("Mul", list(node.input)) for _ in range(2)]
    chain.then("Add", parts)
    return chain.end()


LAYERS: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(("Rfft", "Irfft"), _spectrum),
        "UnfoldTensor": _unfolded,
        "ExpandDims": _with_axis,
        "MatMulInteger16": _integer_product,
        "WordConvEmbedding": _word_convolution,
        "GatedRelativePositionBias": _gated_bias,
        "GemmaRotaryEmbedding": _rotated_pair,
        "BiasSplitGelu": _gated_gelu,
        "CDist": _distances,
        **dict.fromkeys(("SwiGLU", "GatedRMSNorm"), _gated),
        **dict.fromkeys(("ComplexMul", "ComplexMulConj"), _complex_product),
    }
)
