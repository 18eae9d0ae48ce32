"""A network of the spec as an ONNX graph, with random weights: what engines are calibrated on.

Every node is named after the op that it comes from, as `PATH/part:number`, so that an engine's time for it
can be told from its name. The graph is what torch's exporter makes of the same network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from shufflenet_flops.spec import (
    Activation,
    Attention,
    AvgPool2d,
    BatchNorm,
    ChannelShuffle,
    ChannelSlice,
    ClassToken,
    Conv2d,
    FirstToken,
    Flatten,
    GlobalAvgPool,
    Join,
    LayerNorm,
    LayerScale,
    Linear,
    MaxPool2d,
    Node,
    Op,
    PositionEmbedding,
    Seq,
    Shape,
    ToChannelsFirst,
    ToChannelsLast,
    Tokens,
)
from shufflenet_flops.spec.ops import AddOp, ConcatOp, Free, Pool2d, ScaleOp, pair

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
INPUT = "x"


def onnx_model(network: Node, input_shape: Shape) -> ModelProto:
    """The graph of `network` on one float32 input of `input_shape` (batch first).

    Raises ValueError for an op that has no counterpart here.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    y, shape = graph.add(network, INPUT, input_shape, "")
    made = helper.make_graph(
        graph.nodes,
        "calibration",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, shape)],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


class _Graph:
    """Nodes and weights as they come."""

    def __init__(self) -> None:
        import numpy as np

        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._random = np.random.default_rng(0)
        self._path = ""

    def add(self, node: Node, x: str, shape: Shape, path: str) -> tuple[str, Shape]:
        """Add what `node` does to the value `x` of `shape`; its output's name and shape."""
        if isinstance(node, Seq):
            for name, child in node.children:
                x, shape = self.add(child, x, shape, f"{path}.{name}" if path else name)
            return x, shape
        if isinstance(node, Join):
            branches = [
                self.add(child, x, shape, f"{path}.{name}" if path else name)
                for name, child in node.branches
            ]
            shapes = tuple(found for _, found in branches)
            x = self._op(node.op, [name for name, _ in branches], shapes, path)
            shape = node.op.output(*shapes)
            return self.add(Seq(node.after), x, shape, path)
        return self._op(node, [x], (shape,), path), node.output(shape)

    def _op(self, op: Op, xs: Sequence[str], shapes: tuple[Shape, ...], path: str) -> str:
        self._path = path
        write = _WRITERS.get(type(op))
        if write is not None:
            return write(self, op, xs, shapes)
        if isinstance(op, Free) and op.output(*shapes) == shapes[0]:
            return xs[0]
        raise ValueError(f"{type(op).__name__} has no ONNX counterpart here")

    def emit(self, kind: str, inputs: Sequence[str], part: str = "", **attributes: Any) -> str:
        """Add a node; its name, which is that of its output."""
        from onnx import helper

        name = f"{self._path}/{part or kind}:{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, *shape: Any, fan_in: Any = 1) -> str:
        """A random weight of variance 2 / fan_in, so that signals neither fade nor grow."""
        values = self._random.standard_normal(shape, dtype="float32") * sqrt(2 / fan_in)
        return self._constant(values.astype("float32"))

    def filled(self, size: Any, value: float) -> str:
        """A vector of `size` numbers, all of them `value`."""
        import numpy as np

        return self._constant(np.full(size, value, dtype="float32"))

    def ints(self, *values: Any) -> str:
        """A vector of whole numbers, such as a shape."""
        import numpy as np

        return self._constant(np.array(values, dtype="int64"))

    def _constant(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name


Shapes = tuple[Shape, ...]
Writer = Callable[[_Graph, Any, Sequence[str], Shapes], str]


def _conv(graph: _Graph, op: Conv2d, xs: Sequence[str], shapes: Shapes) -> str:
    kernel, padding = pair(op.kernel), pair(op.padding)
    fan_in: Any = op.c_in // op.groups * prod(kernel)
    inputs = [*xs, graph.weight(op.c_out, op.c_in // op.groups, *kernel, fan_in=fan_in)]
    if op.bias:
        inputs.append(graph.filled(op.c_out, 0.01))
    return graph.emit(
        "Conv",
        inputs,
        kernel_shape=kernel,
        strides=pair(op.stride),
        pads=[*padding, *padding],
        dilations=pair(op.dilation),
        group=op.groups,
    )


def _linear(graph: _Graph, op: Linear, xs: Sequence[str], shapes: Shapes) -> str:
    if len(shapes[0]) == 2:
        weight = graph.weight(op.features_out, op.features_in, fan_in=op.features_in)
        bias = [graph.filled(op.features_out, 0.01)] if op.bias else []
        return graph.emit("Gemm", [*xs, weight, *bias], transB=1)
    weight = graph.weight(op.features_in, op.features_out, fan_in=op.features_in)
    y = graph.emit("MatMul", [*xs, weight])
    return graph.emit("Add", [y, graph.filled(op.features_out, 0.01)]) if op.bias else y


def _batch_norm(graph: _Graph, op: BatchNorm, xs: Sequence[str], shapes: Shapes) -> str:
    values = (graph.filled(op.channels, value) for value in (1.0, 0.01, 0.0, 1.0))
    return graph.emit("BatchNormalization", [*xs, *values])


def _layer_norm(graph: _Graph, op: LayerNorm, xs: Sequence[str], shapes: Shapes) -> str:
    scale, bias = graph.filled(op.channels, 1.0), graph.filled(op.channels, 0.01)
    return graph.emit("LayerNormalization", [*xs, scale, bias], axis=-1, epsilon=1e-6)


def _activation(graph: _Graph, op: Activation, xs: Sequence[str], shapes: Shapes) -> str:
    match op.function:
        case "relu6":
            bounds = [graph._constant(_scalar(value)) for value in (0.0, 6.0)]
            return graph.emit("Clip", [*xs, *bounds])
        case "silu":
            return graph.emit("Mul", [*xs, graph.emit("Sigmoid", xs)])
        case "hardsigmoid":
            return graph.emit("HardSigmoid", xs, alpha=1 / 6, beta=0.5)
        case function:
            names = {"relu": "Relu", "sigmoid": "Sigmoid", "hardswish": "HardSwish", "gelu": "Gelu"}
            return graph.emit(names[function], xs)


def _scalar(value: float) -> Any:
    import numpy as np

    return np.array(value, dtype="float32")


def _pool(graph: _Graph, op: Pool2d, xs: Sequence[str], shapes: Shapes) -> str:
    padding = pair(op.padding)
    average: dict[str, Any] = {"count_include_pad": 1} if isinstance(op, AvgPool2d) else {}
    return graph.emit(
        "AveragePool" if average else "MaxPool",
        xs,
        kernel_shape=pair(op.kernel),
        strides=pair(op.stride),
        pads=[*padding, *padding],
        ceil_mode=int(op.ceil_mode),
        **average,
    )


def _mean(graph: _Graph, op: GlobalAvgPool, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("ReduceMean", [*xs, graph.ints(2, 3)], keepdims=1)


def _flatten(graph: _Graph, op: Flatten, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Reshape", [*xs, graph.ints(*op.output(*shapes))])


def _slice(graph: _Graph, op: ChannelSlice, xs: Sequence[str], shapes: Shapes) -> str:
    ends = graph.ints(op.start), graph.ints(op.stop), graph.ints(1)
    return graph.emit("Slice", [*xs, *ends])


def _shuffle(graph: _Graph, op: ChannelShuffle, xs: Sequence[str], shapes: Shapes) -> str:
    n, c, h, w = shapes[0]
    y = graph.emit("Reshape", [*xs, graph.ints(n, op.groups, c // op.groups, h, w)], "split")
    y = graph.emit("Transpose", [y], perm=[0, 2, 1, 3, 4])
    return graph.emit("Reshape", [y, graph.ints(n, c, h, w)], "join")


def _tokens(graph: _Graph, op: Tokens, xs: Sequence[str], shapes: Shapes) -> str:
    n, c, h, w = shapes[0]
    y = graph.emit("Reshape", [*xs, graph.ints(n, c, h * w)])
    return graph.emit("Transpose", [y], perm=[0, 2, 1])


def _first_token(graph: _Graph, op: FirstToken, xs: Sequence[str], shapes: Shapes) -> str:
    import numpy as np

    return graph.emit("Gather", [*xs, graph._constant(np.array(0, dtype="int64"))], axis=1)


def _class_token(graph: _Graph, op: ClassToken, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Concat", [graph.weight(1, 1, op.channels), *xs], axis=1)


def _position(graph: _Graph, op: PositionEmbedding, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Add", [*xs, graph.weight(1, op.tokens, op.channels)])


def _attention(graph: _Graph, op: Attention, xs: Sequence[str], shapes: Shapes) -> str:
    n, t, c = op.output(*shapes)
    size: Any = c // op.heads
    y = graph.emit("Reshape", [*xs, graph.ints(n, t, 3, op.heads, size)], "heads")
    y = graph.emit("Transpose", [y], perm=[2, 0, 3, 1, 4])
    q, k, v = (
        graph.emit(
            "Squeeze",
            [graph.emit("Slice", [y, *map(graph.ints, (i, i + 1, 0))]), graph.ints(0)],
        )
        for i in range(3)
    )
    k = graph.emit("Transpose", [k], perm=[0, 1, 3, 2])
    root = graph._constant(_scalar(size**-0.25))
    q, k = graph.emit("Mul", [q, root]), graph.emit("Mul", [k, root])
    y = graph.emit("MatMul", [q, k], "scores")
    y = graph.emit("Softmax", [y], "softmax", axis=-1)
    y = graph.emit("MatMul", [y, v], "values")
    y = graph.emit("Transpose", [y], "back", perm=[0, 2, 1, 3])
    return graph.emit("Reshape", [y, graph.ints(n, t, c)], "back")


_WRITERS: dict[type[Op], Writer] = {
    Conv2d: _conv,
    Linear: _linear,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    LayerScale: lambda graph, op, xs, _: graph.emit("Mul", [*xs, graph.weight(op.channels)]),
    Activation: _activation,
    MaxPool2d: _pool,
    AvgPool2d: _pool,
    GlobalAvgPool: _mean,
    Flatten: _flatten,
    ChannelSlice: _slice,
    ChannelShuffle: _shuffle,
    Tokens: _tokens,
    FirstToken: _first_token,
    ToChannelsLast: lambda graph, op, xs, _: graph.emit("Transpose", xs, perm=[0, 2, 3, 1]),
    ToChannelsFirst: lambda graph, op, xs, _: graph.emit("Transpose", xs, perm=[0, 3, 1, 2]),
    ClassToken: _class_token,
    PositionEmbedding: _position,
    Attention: _attention,
    AddOp: lambda graph, op, xs, _: graph.emit("Add", xs),
    ConcatOp: lambda graph, op, xs, _: graph.emit("Concat", xs, axis=1),
    ScaleOp: lambda graph, op, xs, _: graph.emit("Mul", xs),
}
