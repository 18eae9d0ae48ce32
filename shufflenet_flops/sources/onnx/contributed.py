"""Operators of ONNX Runtime's optimised and quantised graphs, as the ONNX operators they stand for.

A fused operator is what it fuses: a convolution with its activation is a convolution and an
activation. Scales and zero points say how numbers are written, and are no operands.
Source: ONNX Runtime's ContribOperators.md, and onnxruntime/core/mlas for the blocked layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.attention import (
    attention,
    packed_attention,
    packed_self_attention,
    self_attention,
)
from shufflenet_flops.sources.onnx.chain import (
    CONV,
    Chain,
    Meaning,
    Nodes,
    Sizes,
    add_activation,
    as_operator,
    attributes_of,
    input_at,
    inputs_at,
    picked,
)
from shufflenet_flops.sources.onnx.channels_last import (
    channels_last,
    channels_last_weight,
)
from shufflenet_flops.sources.onnx.experts import mixture
from shufflenet_flops.sources.onnx.further_layers import FURTHER_LAYERS
from shufflenet_flops.sources.onnx.hyper_connections import HYPER_CONNECTIONS
from shufflenet_flops.sources.onnx.machine_learning import MACHINE_LEARNING
from shufflenet_flops.sources.onnx.machine_learning import MEANINGS as LEARNED
from shufflenet_flops.sources.onnx.quantized import POOLS, QUANTIZED, WINDOW
from shufflenet_flops.sources.onnx.retired import OPTIMISERS, RETIRED
from shufflenet_flops.sources.onnx.routing import ROUTING
from shufflenet_flops.sources.onnx.runtime_layers import LAYERS
from shufflenet_flops.sources.onnx.schemas import NAMESPACES
from shufflenet_flops.sources.onnx.states import STATES

if TYPE_CHECKING:
    from onnx import NodeProto

MICROSOFT, BLOCKED, CHANNELS_LAST = "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"


def standard(node: NodeProto, sizes: Sizes) -> Nodes:
    """The nodes of ONNX's own operators that `node` stands for; the node itself where unknown."""
    meaning = MEANINGS.get(("" if node.domain in NAMESPACES else node.domain, node.op_type))
    if meaning is None:
        return [node]
    made = meaning(node, attributes_of(node), sizes)
    if made is None:
        return [node]
    for part in made:
        part.name = node.name
        part.metadata_props.extend(node.metadata_props)
    return made


def set_aside(node: NodeProto, parts: Nodes) -> set[str]:
    """Inputs of a quantised operator that nothing it stands for works with: scales, zero points."""
    scaled = node.op_type in QUANTIZED or node.op_type == "QEmbedLayerNormalization"
    if node.domain != MICROSOFT or not scaled or parts == [node]:
        return set()
    return set(node.input).difference(*(part.input for part in parts))


def _fused_conv(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("Conv", inputs_at(node, (0, 1, 2)), **picked(attributes, *CONV))
    if input_at(node, 3):
        value = chain.then("Add", [value, node.input[3]])
    add_activation(chain, value, attributes)
    return chain.end()


def _fused_gemm(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("Gemm", inputs_at(node, (0, 1, 2)), **picked(attributes, "transA", "transB"))
    add_activation(chain, value, attributes)
    return chain.end()


def _transposed(batch: bool, last: bool, rank: int) -> list[int]:
    """The order of axes after the batch axis went behind the rows, and the last two changed."""
    order = list(range(rank))
    if batch:
        order = [*order[1:-1], 0, order[-1]]
    if last:
        order[-2:] = order[:-3:-1]
    return order


def _fused_matmul(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    chain = Chain(node)
    operands = []
    for name, letter in zip(node.input, "AB", strict=False):
        known = sizes(name)
        batch, last = (bool(attributes.get(f"trans{which}{letter}")) for which in ("Batch", ""))
        if batch or last:
            if known is None:
                return None
            name = chain.then("Transpose", [name], perm=_transposed(batch, last, len(known)))
        operands.append(name)
    value = chain.then("MatMul", operands)
    add_activation(chain, value, attributes)
    return chain.end()


def _added(*op_types: str, inputs: tuple[int, ...], scaled: tuple[int, ...] = ()) -> Meaning:
    """A sum of inputs (those that are there), then one operator on it and on further inputs."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
        chain = Chain(node)
        value, *others = inputs_at(node, inputs)
        for other in others:
            if other:
                value = chain.then("Add", [value, other])
        total = value
        for op_type in op_types:
            kept = picked(attributes, "axis") if op_type != "Gelu" else {}
            value = chain.then(op_type, [value, *inputs_at(node, scaled)], **kept)
        made = chain.end()
        for part in made:  # the sum may be asked for too
            for names in (part.input, part.output):
                names[:] = [
                    node.output[3] if name == total and len(node.output) > 3 else name
                    for name in names
                ]
        return made

    return meaning


def _embedding(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """Words, positions and segments looked up, added and normalised."""
    chain = Chain(node)
    words = chain.then("Gather", [node.input[2], node.input[0]])
    given = input_at(node, 8) if node.op_type == "EmbedLayerNormalization" else ""  # else a scale
    places = chain.then("Gather", [node.input[3], given or node.input[0]])
    value = chain.then("Add", [words, places])
    if input_at(node, 4):
        segments = chain.then("Gather", [node.input[4], node.input[1]])
        value = chain.then("Add", [value, segments])
    chain.then("LayerNormalization", [value, node.input[5], node.input[6]])
    return chain.end()


def _group_norm(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """A norm of groups of channels, of a sum where there are further inputs; then Swish or not."""
    chain = Chain(node)
    value, *others = node.input[0], *inputs_at(node, (3, 4))
    for other in filter(None, others):
        value = chain.then("Add", [value, other])
    value = chain.then("GroupNorm", [value, *node.input[1:3]])
    if attributes.get("activation"):
        chain.then("Swish", [value])
    return chain.end()


def _gelu_of_product(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("MatMul", list(node.input[:2]))
    if input_at(node, 2):
        value = chain.then("Add", [value, node.input[2]])
    chain.then("Gelu", [value])
    return chain.end()


def _enlarged(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    chain = Chain(node)
    scales = chain.then("Constant", [], value_floats=[float(x) for x in attributes["scales"]])
    chain.then("Resize", [node.input[0], "", scales], mode=attributes.get("mode", "nearest"))
    return chain.end()


def _reordered(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """From or to blocks of channels; with the channels last outside."""
    chain = Chain(node)
    value = node.input[0]
    into = node.op_type == "ReorderInput"
    last = attributes.get("channels_last")
    if last and into:
        value = chain.then("Transpose", [value], perm=[0, 3, 1, 2])
    value = chain.then("Reorder", [value])
    if last and not into:
        chain.then("Transpose", [value], perm=[0, 2, 3, 1])
    return chain.end()


_SIZED = ("axes", "coordinate_transformation_mode", "keep_aspect_ratio_policy", "mode")
_LAST = {
    "Conv": channels_last("Conv", 0, 1, 2),
    "ConvTranspose": channels_last("ConvTranspose", 0, 1, 2),
    "QLinearConv": channels_last("QLinearConv", *range(9)),
    "QLinearAveragePool": channels_last("AveragePool", 0),
    "BatchNormalization": channels_last("BatchNormalization", *range(5)),
    "InstanceNormalization": channels_last("InstanceNormalization", 0, 1, 2),
    "MaxUnpool": channels_last("MaxUnpool", 0, 1),
    "QLinearConvTranspose": channels_last("ConvTranspose", 0, 3, 8),
    "GridSample": channels_last("GridSample", 0, 1),
    "Resize": as_operator("Resize", *range(4), keep=_SIZED),
    **{
        name: channels_last(name, 0)
        for name in (*POOLS, "LpPool", "GlobalLpPool", "LRN", "DepthToSpace", "SpaceToDepth")
    },
}
_FUSED = {
    "FusedConv": _fused_conv,
    "NhwcFusedConv": channels_last("Conv", 0, 1, 2),
    "NhwcConv": channels_last_weight,
    "NhwcMaxPool": channels_last("MaxPool", 0),
    "FusedGemm": _fused_gemm,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation"), _fused_matmul),
    "Gelu": as_operator("Gelu", 0),
    "QuickGelu": as_operator("Swish", 0),
    **dict.fromkeys(("FastGelu", "BiasGelu"), _added("Gelu", inputs=(0, 1))),
    "SkipLayerNormalization": _added("LayerNormalization", inputs=(0, 1, 4), scaled=(2, 3)),
    "SkipSimplifiedLayerNormalization": _added(
        "SimplifiedLayerNormalization", inputs=(0, 1, 3), scaled=(2,)
    ),
    "SimplifiedLayerNormalization": as_operator(
        "SimplifiedLayerNormalization", 0, 1, keep=("axis",)
    ),
    "EmbedLayerNormalization": _embedding,
    **dict.fromkeys(("GroupNorm", "SkipGroupNorm"), _group_norm),
    "BiasDropout": _added(inputs=(0, 1, 2)),
    "GemmFastGelu": _gelu_of_product,
    "QEmbedLayerNormalization": _embedding,
    "BiasAdd": _added(inputs=(0, 1, 2)),
    "BiasSoftmax": _added("Softmax", inputs=(0, 1)),
    "Attention": self_attention,
    "MultiHeadAttention": attention(6),
    "PackedAttention": packed_self_attention,
    "PackedMultiHeadAttention": packed_attention,
    "DecoderMaskedMultiHeadAttention": attention(5),
    "GroupQueryAttention": attention(3),
    "MoE": mixture,
    "LinearAttention": as_operator(
        "LinearAttention", *range(6), keep=("kv_num_heads", "q_num_heads", "update_rule")
    ),
    "CausalConvWithState": as_operator("CausalConvWithState", *range(4), keep=("activation",)),
    "BitmaskDropout": as_operator("Identity", 0),
    "BitmaskBiasDropout": _added(inputs=(0, 1, 2)),
    "NGramRepeatBlock": as_operator("Identity", 1),
    "SampleOp": as_operator("Identity", 0),
    "ScaledSiLU": as_operator("Swish", 0),
    "Inverse": as_operator("Inverse", 0),
    **LAYERS,
    **FURTHER_LAYERS,
    **HYPER_CONNECTIONS,
    **STATES,
    **ROUTING,
    "MaxpoolWithMask": as_operator("MaxPool", 0, keep=WINDOW),
    "TorchEmbedding": as_operator("Gather", 0, 1),
    "GatherND": as_operator("GatherND", 0, 1),
    "Pad": as_operator("Pad", 0, 1, 2, keep=("mode",)),
    "Range": as_operator("Range", 0, 1, 2),
    "MRotaryEmbedding": as_operator("Rotary", 0, 2, 3),
    "GridSample": as_operator("GridSample", 0, 1, keep=("mode", "align_corners", "padding_mode")),
    "Trilu": as_operator("Trilu", 0, 1, keep=("upper",)),
    "RotaryEmbedding": as_operator("Rotary", 0, 2, 3),
}
MEANINGS: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        **{(MICROSOFT, name): meaning for name, meaning in {**QUANTIZED, **_FUSED}.items()},
        **{(MACHINE_LEARNING, name): meaning for name, meaning in LEARNED.items()},
        **{("", name): meaning for name, meaning in RETIRED.items()},
        **{("ai.onnx.preview.training", name): step for name, step in OPTIMISERS.items()},
        **{(BLOCKED, name): meaning for name, meaning in POOLS.items()},
        (BLOCKED, "Conv"): _fused_conv,
        (BLOCKED, "Upsample"): _enlarged,
        **dict.fromkeys(((BLOCKED, "ReorderInput"), (BLOCKED, "ReorderOutput")), _reordered),
        **{(CHANNELS_LAST, name): meaning for name, meaning in _LAST.items()},
    }
)
