"""The nodes of ONNX Runtime's optimised graph as kernels, with their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.compiled import BROADCAST, as_map, in_context
from shufflenet_flops.latency.predict.kernels import ACTIVATIONS, BYTES, Kernel
from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.spec import conv_kind

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

IntShape = tuple[int, ...]
_BLOCKED = "com.microsoft.nchwc"  # the domain of what works on blocks of channels
_ACTIVATIONS = {
    **{"Relu": "relu", "Clip": "relu6", "LeakyRelu": "leaky_relu", "Sigmoid": "sigmoid"},
    **{"HardSigmoid": "hardsigmoid", "Tanh": "tanh", "HardSwish": "hardswish"},
}
_BY_ELEMENT = (
    *("Add", "Sub", "Mul", "Div", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh"),
    *("HardSwish", "Gelu", "QuickGelu", "Softmax", "LayerNormalization"),
)
_TAPS = {b"linear": (2, 2), b"cubic": (4, 4)}  # what each value of a resized map is made of
_PRODUCTS = ("Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_CONVS = ("Conv", "FusedConv")


def node_kernels(graph: GraphProto) -> list[Kernel | None]:
    """The kernel of each node, None where its shapes are not known."""
    reader = _Reader(graph)
    kernels = [reader.kernel(node) for node in graph.node]
    makers: dict[str, int] = {}
    before = []
    for place, node in enumerate(graph.node):
        before.append(next((makers[name] for name in node.input if name in makers), -1))
        makers.update(dict.fromkeys(node.output, place))
    return in_context(kernels, before, reader.weight_bytes)


@dataclass
class _Reader:
    """Shapes by name: what the file tells, and what follows for the values in blocks."""

    graph: GraphProto
    shapes: dict[str, IntShape] = field(default_factory=dict)
    weights: dict[str, TensorProto] = field(default_factory=dict)
    weight_bytes: int = 0

    def __post_init__(self) -> None:
        graph = self.graph
        for value in (*graph.input, *graph.value_info, *graph.output):
            tensor = value.type.tensor_type
            sizes = [axis.dim_value for axis in tensor.shape.dim]
            if tensor.HasField("shape") and all(sizes):
                self.shapes[value.name] = tuple(sizes)
        for tensor in graph.initializer:
            self.shapes[tensor.name] = tuple(tensor.dims)
            self.weights[tensor.name] = tensor
            self.weight_bytes += BYTES * prod(tensor.dims)

    def kernel(self, node: NodeProto) -> Kernel | None:
        attributes = attributes_of(node)
        xs = [self.shapes.get(name, ()) for name in node.input]
        if node.output[0] not in self.shapes:
            found = self._by_values(node, attributes) or _shape_of(
                node, attributes, [x for x in xs if x]
            )
            self.shapes.update(zip(node.output, found, strict=False))
        y = self.shapes.get(node.output[0])
        if y is None or not xs:
            return None
        if node.op_type in _CONVS and len(xs[0]) == 4:
            return _conv(node, attributes, xs, y)
        if node.op_type in _PRODUCTS and len(xs[0]) > 1:
            return self._product(node, attributes, xs[0], y)
        return self._other(node, attributes, xs, y)

    def _by_values(self, node: NodeProto, attributes: Mapping[str, Any]) -> list[IntShape]:
        """The shapes of outputs that sizes or axes in the graph decide; none of other nodes."""
        x = self.shapes.get(node.input[0], ()) if node.input else ()
        values = self._values(node.input[1]) if len(node.input) > 1 else None
        if not x or values is None:
            return []
        if node.op_type == "Split":
            axis = attributes.get("axis", 0) % len(x)
            return [(*x[:axis], size, *x[axis + 1 :]) for size in values]
        if node.op_type == "Squeeze":
            axes = {axis % len(x) for axis in values}
            return [tuple(size for axis, size in enumerate(x) if axis not in axes)]
        if node.op_type == "Reshape":
            sizes = [size or x[axis] for axis, size in enumerate(values)]
            left = prod(x) // max(1, -prod(sizes)) if -1 in sizes else 1
            return [tuple(left if size == -1 else size for size in sizes)]
        return []

    def _values(self, name: str) -> list[int] | None:
        """The few whole numbers of a constant; None where it is none or has other numbers."""
        from onnx import TensorProto, numpy_helper

        tensor = self.weights.get(name)
        if tensor is None or tensor.data_type != TensorProto.INT64 or len(tensor.dims) != 1:
            return None
        return [int(value) for value in numpy_helper.to_array(tensor)]

    def _product(
        self, node: NodeProto, attributes: Mapping[str, Any], x: IntShape, y: IntShape
    ) -> Kernel:
        """Of tokens with a weight, or (n, h, c_in) times (n, c_in, c_out)."""
        c_in = x[-2] if attributes.get("transA") else x[-1]
        act = _activation(attributes)
        bare = node.op_type.removeprefix("Fused")
        if node.input[1] in self.weights:
            sizes = (1, c_in, prod(y[:-1]), 1, y[-1], prod(y[:-1]), 1)
            return Kernel(f"linear/{bare}", *sizes, activation=act)
        *batch, h, c_out = y
        transposed = " transposed" if attributes.get("transB") else ""
        sizes = (prod(batch), c_in, h, 1, c_out, h, 1)
        return Kernel(f"matmul/{bare}{transposed}", *sizes, activation=act)

    def _other(
        self,
        node: NodeProto,
        attributes: Mapping[str, Any],
        xs: Sequence[IntShape],
        y: IntShape,
    ) -> Kernel:
        kind = _kind(node, attributes)
        data = [
            x for x, name in zip(xs, node.input, strict=True) if x and name not in self.weights
        ] or [x for x in xs if x]
        x = max(data, key=prod) if data else y
        last = node.op_type in ("LayerNormalization", "SkipLayerNormalization", "Softmax")
        n, c_in, h_in, w_in = as_map(x, last)
        _, c_out, h_out, w_out = as_map(y, last)
        whole = sum(prod(other) == prod(y) for other in data)
        if len(xs) > 1 and node.op_type in BROADCAST and whole < 2:
            kind = f"{kind} broadcast"
        if node.op_type == "Concat":
            c_in, h_in, w_in, whole = c_out, h_out, w_out, len(data)
        taps = _TAPS.get(attributes.get("mode", b""), ()) if node.op_type == "Resize" else ()
        k_h, k_w = (*attributes.get("kernel_shape", taps), 1, 1)[:2]
        stride = (*attributes.get("strides", ()), 1)[0]
        sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, k_h, k_w, stride, 1, max(whole, 1))
        return Kernel(kind, *sizes)


def _kind(node: NodeProto, attributes: Mapping[str, Any]) -> str:
    """The operator, whether in blocks, and of one that moves elements whether rows stay whole."""
    name = f"{node.op_type}{'/blocked' if node.domain == _BLOCKED else ''}"
    if node.op_type == "Transpose":
        order = list(attributes.get("perm", ()))
        return f"{name} of rows" if order and order[-1] == len(order) - 1 else name
    if node.op_type in ("ReorderInput", "ReorderOutput") and attributes.get("channels_last"):
        return f"{name} last"
    return name


def _conv(
    node: NodeProto, attributes: Mapping[str, Any], xs: Sequence[IntShape], y: IntShape
) -> Kernel:
    n, _, h_in, w_in = xs[0]
    _, _, h_out, w_out = y
    c_out, c_in_of_group, k_h, k_w = xs[1]
    groups = attributes.get("group", 1)
    stride = (*attributes.get("strides", ()), 1)[0]
    c_in = c_in_of_group * groups
    base = conv_kind(c_in, (k_h, k_w), groups).value
    layout = "plain"
    if node.domain == _BLOCKED:
        layout = "blocked" if c_in >= _SMALLEST else "into blocks"
    sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, k_h, k_w, stride, groups)
    added = int(len(node.input) > 3 and bool(node.input[3]))
    return Kernel(f"{base}/{layout}", *sizes, activation=_activation(attributes), added=added)


_SMALLEST = 8  # channels below which ONNX Runtime reads an image that is not in blocks


def _activation(attributes: Mapping[str, Any]) -> int:
    name = attributes.get("activation", b"")
    text = name.decode() if isinstance(name, bytes) else str(name)
    return ACTIVATIONS.index(_ACTIVATIONS.get(text, "none"))


def _shape_of(
    node: NodeProto, attributes: Mapping[str, Any], xs: Sequence[IntShape]
) -> list[IntShape]:
    """The shape of an output that the file does not tell; none where it does not follow.

    Values in blocks are told in the common layout, their channels filled up to whole blocks.
    """
    if not xs:
        return []
    x = xs[0]
    if node.op_type in (*_CONVS, "MaxPool", "AveragePool") and len(x) == 4:
        c = xs[1][0] if node.op_type in _CONVS else x[1]
        return [(x[0], c, *_spatial(attributes, x[2:], xs[1][2:] if len(xs) > 1 else ()))]
    if node.op_type in ("Gemm", "FusedGemm") and len(xs) > 1:
        return [(x[int(attributes.get("transA", 0))], xs[1][1 - int(attributes.get("transB", 0))])]
    if node.op_type in ("GlobalAveragePool", "GlobalMaxPool"):
        return [(*x[:2], *(1 for _ in x[2:]))]
    if node.op_type == "ReorderInput" and attributes.get("channels_last"):
        return [(x[0], x[-1], *x[1:-1])]
    if node.op_type == "Transpose":
        return [tuple(x[axis] for axis in attributes.get("perm", range(len(x))[::-1]))]
    if node.op_type == "Upsample" and "scales" in attributes:
        return [tuple(int(size * by) for size, by in zip(x, attributes["scales"], strict=True))]
    if node.op_type == "Concat":
        axis = attributes.get("axis", 1)
        return [(*x[:axis], sum(other[axis] for other in xs), *x[axis + 1 :])]
    if node.domain == _BLOCKED or node.op_type in _BY_ELEMENT:
        return [max(xs, key=prod)]
    return []


def _spatial(attributes: Mapping[str, Any], sizes: IntShape, kernel: IntShape) -> IntShape:
    rank = len(sizes)
    kernel = tuple(attributes.get("kernel_shape", kernel))
    pads = attributes.get("pads") or [0] * 2 * rank
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    up = strides[0] - 1 if attributes.get("ceil_mode") else 0
    return tuple(
        (size + pads[i] + pads[i + rank] - dilations[i] * (kernel[i] - 1) - 1 + up) // strides[i]
        + 1
        for i, size in enumerate(sizes)
    )
