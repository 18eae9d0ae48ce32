"""Operators of ONNX Runtime's optimised and quantised graphs, as the ONNX operators they stand for.

A fused operator is what it fuses: a convolution with its activation is a convolution and an
activation. Scales and zero points say how numbers are written, and are no operands.
Source: ONNX Runtime's ContribOperators.md, and onnxruntime/core/mlas for the blocked layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import NodeProto

MICROSOFT, BLOCKED, CHANNELS_LAST = "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"

Rank = Callable[[str], int | None]
Nodes = list["NodeProto"]
# From the node, its attributes and the rank of a value to nodes; None where it cannot be told.
Meaning = Callable[["NodeProto", Mapping[str, Any], Rank], Nodes | None]


def standard(node: NodeProto, rank: Rank) -> Nodes:
    """The nodes of ONNX's own operators that `node` stands for; the node itself where unknown."""
    meaning = MEANINGS.get((node.domain, node.op_type))
    if meaning is None:
        return [node]
    made = meaning(node, attributes_of(node), rank)
    if made is None:
        return [node]
    for part in made:
        part.name = node.name
        part.metadata_props.extend(node.metadata_props)
    return made


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """Numbers and texts; formulas ask for nothing else."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == attribute.INT:
            found[attribute.name] = attribute.i
        elif attribute.type == attribute.FLOAT:
            found[attribute.name] = attribute.f
        elif attribute.type == attribute.INTS:
            found[attribute.name] = list(attribute.ints)
        elif attribute.type == attribute.FLOATS:
            found[attribute.name] = list(attribute.floats)
        elif attribute.type == attribute.STRING:
            found[attribute.name] = attribute.s.decode()
    return found


def _input(node: NodeProto, position: int) -> str:
    return node.input[position] if position < len(node.input) else ""


def _inputs(node: NodeProto, positions: Iterable[int]) -> list[str]:
    """The inputs at these positions, without those left out at the end."""
    names = [_input(node, position) for position in positions]
    while names and not names[-1]:
        names.pop()
    return names


def _part(op_type: str, inputs: list[str], outputs: list[str], **attributes: Any) -> NodeProto:
    from onnx import helper

    return helper.make_node(op_type, inputs, outputs, **attributes)


class _Chain:
    """Nodes one after another, of which the last gives the output of the node they stand for."""

    def __init__(self, node: NodeProto) -> None:
        self.nodes: Nodes = []
        self._output = node.output[0]

    def then(self, op_type: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """Add a node; the name of its first result."""
        place = f"{self._output}//{len(self.nodes)}"
        names = [place, *(f"{place}.{i}" for i in range(1, outputs))]
        self.nodes.append(_part(op_type, inputs, names, **attributes))
        return place

    def end(self, *further: str) -> Nodes:
        """The nodes, of which the last has the name of the whole, and gives these others too."""
        self.nodes[-1].output[:] = [self._output, *further]
        return self.nodes


_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _picked(attributes: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: attributes[name] for name in names if name in attributes}


def _as(op_type: str, *positions: int, keep: tuple[str, ...] = ()) -> Meaning:
    """One operator on the inputs at these positions, with these attributes."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
        inputs = _inputs(node, positions)
        return [_part(op_type, inputs, list(node.output), **_picked(attributes, *keep))]

    return meaning


def _activated(chain: _Chain, value: str, attributes: Mapping[str, Any]) -> None:
    """Add the activation that the attributes ask for, if any."""
    activation = attributes.get("activation", "")
    if activation in ("", "None"):
        return
    limits = attributes.get("activation_params") or []
    if activation == "Clip":
        bounds = [chain.then("Constant", [], value_float=limit) for limit in limits]
        chain.then("Clip", [value, *bounds])
        return
    names = {"LeakyRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}
    settings = dict(zip(names.get(activation, []), limits, strict=False))
    chain.then(activation, [value], **settings)


def _fused_conv(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    chain = _Chain(node)
    value = chain.then("Conv", _inputs(node, (0, 1, 2)), **_picked(attributes, *_CONV))
    if _input(node, 3):
        value = chain.then("Add", [value, node.input[3]])
    _activated(chain, value, attributes)
    return chain.end()


def _fused_gemm(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    chain = _Chain(node)
    value = chain.then("Gemm", _inputs(node, (0, 1, 2)), **_picked(attributes, "transA", "transB"))
    _activated(chain, value, attributes)
    return chain.end()


def _transposed(batch: bool, last: bool, rank: int) -> list[int]:
    """The order of axes after the batch axis went behind the rows, and the last two changed."""
    order = list(range(rank))
    if batch:
        order = [*order[1:-1], 0, order[-1]]
    if last:
        order[-2:] = order[:-3:-1]
    return order


def _fused_matmul(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
    chain = _Chain(node)
    operands = []
    for name, letter in zip(node.input, "AB", strict=False):
        axes = rank(name)
        batch, last = (bool(attributes.get(f"trans{which}{letter}")) for which in ("Batch", ""))
        if batch or last:
            if axes is None:
                return None
            name = chain.then("Transpose", [name], perm=_transposed(batch, last, axes))
        operands.append(name)
    value = chain.then("MatMul", operands)
    _activated(chain, value, attributes)
    return chain.end()


def _added(*op_types: str, inputs: tuple[int, ...], scaled: tuple[int, ...] = ()) -> Meaning:
    """A sum of inputs (those that are there), then one operator on it and on further inputs."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
        chain = _Chain(node)
        value, *others = _inputs(node, inputs)
        for other in others:
            if other:
                value = chain.then("Add", [value, other])
        total = value
        for op_type in op_types:
            kept = _picked(attributes, "axis") if op_type != "Gelu" else {}
            value = chain.then(op_type, [value, *_inputs(node, scaled)], **kept)
        made = chain.end()
        for part in made:  # the sum may be asked for too
            for names in (part.input, part.output):
                names[:] = [
                    node.output[3] if name == total and len(node.output) > 3 else name
                    for name in names
                ]
        return made

    return meaning


def _embedding(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    """Words, positions and segments looked up, added and normalised."""
    chain = _Chain(node)
    words = chain.then("Gather", [node.input[2], node.input[0]])
    places = chain.then("Gather", [node.input[3], _input(node, 8) or node.input[0]])
    value = chain.then("Add", [words, places])
    if _input(node, 4):
        segments = chain.then("Gather", [node.input[4], node.input[1]])
        value = chain.then("Add", [value, segments])
    chain.then("LayerNormalization", [value, node.input[5], node.input[6]])
    return chain.end()


def _channels_last(op_type: str, *positions: int) -> Meaning:
    """An operator whose images have their channels last, which in ONNX are second."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
        axes = rank(node.input[0])
        if axes is None:
            return None
        chain = _Chain(node)
        first = [0, axes - 1, *range(1, axes - 1)]
        image, *others = _inputs(node, positions)
        kept = _picked(attributes, *_CONV, "ceil_mode", "count_include_pad")
        image = chain.then("Transpose", [image], perm=first)
        value = chain.then(op_type, [image, *others], **kept)
        value = chain.then("Transpose", [value], perm=[0, *range(2, axes), 1])
        _activated(chain, value, attributes)
        return chain.end()

    return meaning


def _either(first: Meaning, last: Meaning) -> Meaning:
    """`last` where the channels come last, `first` otherwise."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
        return (last if attributes.get("channels_last") else first)(node, attributes, rank)

    return meaning


def _concatenated(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    return [_part("Concat", list(node.input[2::3]), list(node.output), axis=attributes["axis"])]


def _dequantized(chain: _Chain, value: str, scale: str, bias: str) -> Nodes:
    value = chain.then("Cast", [value], to=1)
    value = chain.then("Mul", [value, scale])
    if bias:
        chain.then("Add", [value, bias])
    return chain.end()


def _dynamic_matmul(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    chain = _Chain(node)
    value = chain.then("DynamicQuantizeLinear", [node.input[0]], outputs=3)
    value = chain.then("MatMulInteger", [value, node.input[1]])
    return _dequantized(chain, value, node.input[2], _input(node, 4))


def _integer_matmul(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    chain = _Chain(node)
    value = chain.then("MatMulInteger", list(node.input[:2]))
    return _dequantized(chain, value, node.input[3], _input(node, 6))


def _packed_matmul(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    """A product with a weight of K rows and N columns whose numbers take a few bits each."""
    chain = _Chain(node)
    sizes = [attributes["K"], attributes["N"]]
    weight = chain.then("Unpacked", [node.input[1]], shape=sizes)
    value = chain.then("MatMul", [node.input[0], weight])
    if node.op_type == "MatMulNBits" and _input(node, 5):
        chain.then("Add", [value, node.input[5]])
    return chain.end()


def _self_attention(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
    """One product for queries, keys and values, then attention."""
    past = 8 if node.op_type == "QAttention" else 4
    if _input(node, past):
        return None
    chain = _Chain(node)
    value = chain.then("MatMul", list(node.input[:2]))
    if _input(node, 2):
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


def _attention(past: int) -> Meaning:
    """Attention on queries, keys and values of three axes, with earlier keys and values or none."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes | None:
        if any(rank(_input(node, position)) != 3 for position in (0, 1, 2)):
            return None
        chain = _Chain(node)
        heads = attributes["num_heads"]
        inputs = [*node.input[:3], "", *_inputs(node, (past, past + 1))]
        while not inputs[-1]:
            inputs.pop()
        shared = attributes.get("kv_num_heads", heads)
        chain.then("Attention", inputs, q_num_heads=heads, kv_num_heads=shared)
        return chain.end(*node.output[1:])

    return meaning


def _enlarged(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    chain = _Chain(node)
    scales = chain.then("Constant", [], value_floats=[float(x) for x in attributes["scales"]])
    chain.then("Resize", [node.input[0], "", scales], mode=attributes.get("mode", "nearest"))
    return chain.end()


def _reordered(node: NodeProto, attributes: Mapping[str, Any], rank: Rank) -> Nodes:
    """From or to blocks of channels; with the channels last outside."""
    chain = _Chain(node)
    value = node.input[0]
    into = node.op_type == "ReorderInput"
    last = attributes.get("channels_last")
    if last and into:
        value = chain.then("Transpose", [value], perm=[0, 3, 1, 2])
    value = chain.then("Reorder", [value])
    if last and not into:
        chain.then("Transpose", [value], perm=[0, 2, 3, 1])
    return chain.end()


_WINDOW = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
_POOLS = {
    "MaxPool": _as("MaxPool", 0, keep=_WINDOW),
    "AveragePool": _as("AveragePool", 0, keep=(*_WINDOW, "count_include_pad")),
    "GlobalMaxPool": _as("GlobalMaxPool", 0),
    "GlobalAveragePool": _as("GlobalAveragePool", 0),
}
_LAST = {
    "Conv": _channels_last("Conv", 0, 1, 2),
    **{name: _channels_last(name, 0) for name in _POOLS},
}
_QUANTIZED = {
    "QGemm": _as("Gemm", 0, 3, 6, keep=("transA", "transB")),
    "QLinearAdd": _as("Add", 0, 3),
    "QLinearMul": _as("Mul", 0, 3),
    "QLinearWhere": _as("Where", 0, 1, 4),
    "QLinearSigmoid": _as("Sigmoid", 0),
    "QLinearLeakyRelu": _as("LeakyRelu", 0, keep=("alpha",)),
    "QLinearSoftmax": _as("Softmax", 0, keep=("axis",)),
    "QLinearReduceMean": _as("ReduceMean", 0, keep=("axes", "keepdims")),
    "QLinearAveragePool": _either(_POOLS["AveragePool"], _channels_last("AveragePool", 0)),
    "QLinearGlobalAveragePool": _either(
        _POOLS["GlobalAveragePool"], _channels_last("GlobalAveragePool", 0)
    ),
    "QLinearConcat": _concatenated,
    "QLinearConv": _either(
        _as("QLinearConv", *range(9), keep=_CONV), _channels_last("QLinearConv", *range(9))
    ),
    "QuantizeLinear": _as("QuantizeLinear", 0, 1, 2, keep=("axis",)),
    "DequantizeLinear": _as("DequantizeLinear", 0, 1, 2, keep=("axis",)),
    "DynamicQuantizeMatMul": _dynamic_matmul,
    "MatMulIntegerToFloat": _integer_matmul,
    "DynamicQuantizeLSTM": _as("LSTM", *range(8), keep=("direction", "hidden_size", "layout")),
    "MatMulNBits": _packed_matmul,
    "MatMulBnb4": _packed_matmul,
    "GatherBlockQuantized": _as("Gather", 0, 1),
    "QAttention": _self_attention,
}
_FUSED = {
    "FusedConv": _fused_conv,
    "NhwcFusedConv": _channels_last("Conv", 0, 1, 2),
    "NhwcMaxPool": _channels_last("MaxPool", 0),
    "FusedGemm": _fused_gemm,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation"), _fused_matmul),
    "Gelu": _as("Gelu", 0),
    "QuickGelu": _as("Swish", 0),
    **dict.fromkeys(("FastGelu", "BiasGelu"), _added("Gelu", inputs=(0, 1))),
    "SkipLayerNormalization": _added("LayerNormalization", inputs=(0, 1, 4), scaled=(2, 3)),
    "SkipSimplifiedLayerNormalization": _added(
        "SimplifiedLayerNormalization", inputs=(0, 1, 3), scaled=(2,)
    ),
    "SimplifiedLayerNormalization": _as("SimplifiedLayerNormalization", 0, 1, keep=("axis",)),
    "EmbedLayerNormalization": _embedding,
    "Attention": _self_attention,
    "MultiHeadAttention": _attention(6),
    "GroupQueryAttention": _attention(3),
    "Trilu": _as("Trilu", 0, 1, keep=("upper",)),
    "RotaryEmbedding": _as("Rotary", 0, 2, 3),
}
MEANINGS: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        **{(MICROSOFT, name): meaning for name, meaning in {**_QUANTIZED, **_FUSED}.items()},
        **{(BLOCKED, name): meaning for name, meaning in _POOLS.items()},
        (BLOCKED, "Conv"): _fused_conv,
        (BLOCKED, "Upsample"): _enlarged,
        **dict.fromkeys(((BLOCKED, "ReorderInput"), (BLOCKED, "ReorderOutput")), _reordered),
        **{(CHANNELS_LAST, name): meaning for name, meaning in _LAST.items()},
    }
)
