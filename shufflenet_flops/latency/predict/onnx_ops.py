"""The ONNX nodes of each op of the spec, as torch's exporter writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
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
    LayerNorm,
    LayerScale,
    Linear,
    MaxPool2d,
    Op,
    PositionEmbedding,
    Shape,
    ToChannelsFirst,
    ToChannelsLast,
    Tokens,
)
from shufflenet_flops.spec.ops import AddOp, ConcatOp, Pool2d, ScaleOp, pair

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.onnx_graph import GraphWriter

Shapes = tuple[Shape, ...]
Writer = Callable[["GraphWriter", Any, Sequence[str], Shapes], str]


def _conv(graph: GraphWriter, op: Conv2d, xs: Sequence[str], shapes: Shapes) -> str:
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


def _linear(graph: GraphWriter, op: Linear, xs: Sequence[str], shapes: Shapes) -> str:
    if len(shapes[0]) == 2:
        weight = graph.weight(op.features_out, op.features_in, fan_in=op.features_in)
        bias = [graph.filled(op.features_out, 0.01)] if op.bias else []
        return graph.emit("Gemm", [*xs, weight, *bias], transB=1)
    weight = graph.weight(op.features_in, op.features_out, fan_in=op.features_in)
    y = graph.emit("MatMul", [*xs, weight])
    return graph.emit("Add", [y, graph.filled(op.features_out, 0.01)]) if op.bias else y


def _batch_norm(graph: GraphWriter, op: BatchNorm, xs: Sequence[str], shapes: Shapes) -> str:
    values = (graph.filled(op.channels, value) for value in (1.0, 0.01, 0.0, 1.0))
    return graph.emit("BatchNormalization", [*xs, *values])


def _layer_norm(graph: GraphWriter, op: LayerNorm, xs: Sequence[str], shapes: Shapes) -> str:
    scale, bias = graph.filled(op.channels, 1.0), graph.filled(op.channels, 0.01)
    return graph.emit("LayerNormalization", [*xs, scale, bias], axis=-1, epsilon=1e-6)


def _activation(graph: GraphWriter, op: Activation, xs: Sequence[str], shapes: Shapes) -> str:
    match op.function:
        case "relu6":
            bounds = [graph.constant(_scalar(value)) for value in (0.0, 6.0)]
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


def _pool(graph: GraphWriter, op: Pool2d, xs: Sequence[str], shapes: Shapes) -> str:
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


def _mean(graph: GraphWriter, op: GlobalAvgPool, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("ReduceMean", [*xs, graph.ints(2, 3)], keepdims=1)


def _flatten(graph: GraphWriter, op: Flatten, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Reshape", [*xs, graph.ints(*op.output(*shapes))])


def _slice(graph: GraphWriter, op: ChannelSlice, xs: Sequence[str], shapes: Shapes) -> str:
    ends = graph.ints(op.start), graph.ints(op.stop), graph.ints(1)
    return graph.emit("Slice", [*xs, *ends])


def _shuffle(graph: GraphWriter, op: ChannelShuffle, xs: Sequence[str], shapes: Shapes) -> str:
    n, c, h, w = shapes[0]
    y = graph.emit("Reshape", [*xs, graph.ints(n, op.groups, c // op.groups, h, w)], "split")
    y = graph.emit("Transpose", [y], perm=[0, 2, 1, 3, 4])
    return graph.emit("Reshape", [y, graph.ints(n, c, h, w)], "join")


def _tokens(graph: GraphWriter, op: Tokens, xs: Sequence[str], shapes: Shapes) -> str:
    n, c, h, w = shapes[0]
    y = graph.emit("Reshape", [*xs, graph.ints(n, c, h * w)])
    return graph.emit("Transpose", [y], perm=[0, 2, 1])


def _first_token(graph: GraphWriter, op: FirstToken, xs: Sequence[str], shapes: Shapes) -> str:
    import numpy as np

    return graph.emit("Gather", [*xs, graph.constant(np.array(0, dtype="int64"))], axis=1)


def _class_token(graph: GraphWriter, op: ClassToken, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Concat", [graph.weight(1, 1, op.channels), *xs], axis=1)


def _position(graph: GraphWriter, op: PositionEmbedding, xs: Sequence[str], shapes: Shapes) -> str:
    return graph.emit("Add", [*xs, graph.weight(1, op.tokens, op.channels)])


def _attention(graph: GraphWriter, op: Attention, xs: Sequence[str], shapes: Shapes) -> str:
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
    root = graph.constant(_scalar(size**-0.25))
    q, k = graph.emit("Mul", [q, root]), graph.emit("Mul", [k, root])
    y = graph.emit("MatMul", [q, k], "scores")
    y = graph.emit("Softmax", [y], "softmax", axis=-1)
    y = graph.emit("MatMul", [y, v], "values")
    y = graph.emit("Transpose", [y], "back", perm=[0, 2, 1, 3])
    return graph.emit("Reshape", [y, graph.ints(n, t, c)], "back")


WRITERS: dict[type[Op], Writer] = {
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
