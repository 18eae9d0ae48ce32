"""The operators of ONNX Runtime's quantised graphs, as those on fractions.

Scales and zero points say how numbers are written, and are no operands.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.attention import ordered_attention, self_attention
from shufflenet_flops.sources.onnx.chain import (
    CONV,
    TRANSPOSED,
    Chain,
    Meaning,
    Nodes,
    Sizes,
    as_operator,
    input_at,
    make_node,
)
from shufflenet_flops.sources.onnx.channels_last import channels_last, either
from shufflenet_flops.sources.onnx.elements import INT8, INT32
from shufflenet_flops.sources.onnx.packed import PACKED

if TYPE_CHECKING:
    from onnx import NodeProto


def _concatenated(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    return [make_node("Concat", list(node.input[2::3]), list(node.output), axis=attributes["axis"])]


def _dequantized(chain: Chain, value: str, scale: str, bias: str) -> Nodes:
    value = chain.then("Cast", [value], to=1)
    value = chain.then("Mul", [value, scale])
    if bias:
        chain.then("Add", [value, bias])
    return chain.end()


def _dynamic_matmul(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("DynamicQuantizeLinear", [node.input[0]], outputs=3)
    value = chain.then("MatMulInteger", [value, node.input[1]])
    return _dequantized(chain, value, node.input[2], input_at(node, 4))


def _integer_matmul(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("MatMulInteger", list(node.input[:2]))
    return _dequantized(chain, value, node.input[3], input_at(node, 6))


def _ordered_matmul(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """A product of numbers in an order of the GPU's, with a bias and another summand or none."""
    chain = Chain(node)
    value = chain.then("MatMul", [node.input[0], node.input[2]])
    for summand in filter(None, (input_at(node, 5), input_at(node, 6))):
        value = chain.then("Add", [value, summand])
    return chain.end()


def _reduced(op_type: str, to: int) -> Meaning:
    """A sum or mean, whose axes are an attribute here, and in ONNX an input since some version."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
        known = sizes(node.input[0])
        if known is None or None in known:
            return None
        axes = {axis % len(known) for axis in attributes.get("axes") or range(len(known))}
        kept = attributes.get("keepdims", 1)
        shape = [
            1 if axis in axes else size
            for axis, size in enumerate(known)
            if kept or axis not in axes
        ]
        return [make_node(op_type, [node.input[0]], [node.output[0]], shape=shape, to=to)]

    return meaning


WINDOW = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
POOLS = {
    "MaxPool": as_operator("MaxPool", 0, keep=WINDOW),
    "AveragePool": as_operator("AveragePool", 0, keep=(*WINDOW, "count_include_pad")),
    "GlobalMaxPool": as_operator("GlobalMaxPool", 0),
    "GlobalAveragePool": as_operator("GlobalAveragePool", 0),
}
QUANTIZED: Mapping[str, Meaning] = MappingProxyType(
    {
        "QGemm": as_operator("Gemm", 0, 3, 6, keep=("transA", "transB")),
        "QLinearAdd": as_operator("Add", 0, 3),
        "QLinearMul": as_operator("Mul", 0, 3),
        "QLinearWhere": as_operator("Where", 0, 1, 4),
        "QLinearSigmoid": as_operator("Sigmoid", 0),
        "QLinearLeakyRelu": as_operator("LeakyRelu", 0, keep=("alpha",)),
        "QLinearSoftmax": as_operator("Softmax", 0, keep=("axis",)),
        "QLinearReduceMean": _reduced("IntegerMean", INT8),
        "QLinearAveragePool": either(POOLS["AveragePool"], channels_last("AveragePool", 0)),
        "QLinearGlobalAveragePool": either(
            POOLS["GlobalAveragePool"], channels_last("GlobalAveragePool", 0)
        ),
        "QLinearConcat": _concatenated,
        "QLinearConv": either(
            as_operator("QLinearConv", *range(9), keep=CONV),
            channels_last("QLinearConv", *range(9)),
        ),
        "QuantizeLinear": as_operator("QuantizeLinear", 0, 1, 2, keep=("axis",)),
        "DequantizeLinear": as_operator("DequantizeLinear", 0, 1, 2, keep=("axis",)),
        "DynamicQuantizeMatMul": _dynamic_matmul,
        "MatMulIntegerToFloat": _integer_matmul,
        "DynamicQuantizeLSTM": as_operator(
            "LSTM", *range(8), keep=("direction", "hidden_size", "layout")
        ),
        "QLinearConvTranspose": as_operator("ConvTranspose", 0, 3, 8, keep=TRANSPOSED),
        "QOrderedMatMul": _ordered_matmul,
        "QOrderedGelu": as_operator("Gelu", 0),
        "QOrderedLayerNormalization": as_operator("LayerNormalization", 0, 2, 3, keep=("axis",)),
        "QuantizeWithOrder": as_operator("QuantizeLinear", 0, 1),
        "DequantizeWithOrder": as_operator("DequantizeLinear", 0, 1),
        "MulInteger": as_operator("Mul", 0, 2),
        "ReduceSumInteger": _reduced("IntegerSum", INT32),
        "GemmFloat8": as_operator("Gemm", 0, 1, 2, keep=("transA", "transB")),
        "QAttention": self_attention,
        "QOrderedAttention": ordered_attention,
        **PACKED,
    }
)
