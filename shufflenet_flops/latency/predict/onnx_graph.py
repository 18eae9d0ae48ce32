"""A network of the spec as an ONNX graph, with random weights: what engines are calibrated on.

Every node is named after the op that it comes from, as `PATH/part:number`, so that an engine's time
for it can be told from its name. The graph is what torch's exporter makes of the same network.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.onnx_ops import WRITERS
from shufflenet_flops.spec import Join, Node, Op, Seq, Shape
from shufflenet_flops.spec.ops import Free

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
INPUT = "x"


def onnx_model(network: Node, input_shape: tuple[int, ...]) -> ModelProto:
    """The graph of `network` on one float32 input of `input_shape` (batch first).

    Raises ValueError for an op that has no counterpart here.
    """
    from onnx import TensorProto, helper

    graph = GraphWriter()
    shape: Any
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


class GraphWriter:
    """Nodes and weights as they come."""

    def __init__(self) -> None:
        import numpy as np

        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._random = np.random.default_rng(0).standard_normal(10007, dtype="float32")
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
        write = WRITERS.get(type(op))
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
        """A random weight of variance 2 / fan_in, so that signals neither fade nor grow.

        The same numbers go round, as to draw all of them takes longer than to time the network;
        each weight begins at another, as engines compute but once what has equal weights.
        """
        import numpy as np

        scaled = np.roll(self._random, len(self.initializers)) * np.float32(sqrt(2 / fan_in))
        return self.constant(np.resize(scaled, shape))

    def filled(self, size: Any, value: float) -> str:
        """A vector of `size` numbers, all of them `value`."""
        import numpy as np

        return self.constant(np.full(size, value, dtype="float32"))

    def ints(self, *values: Any) -> str:
        """A vector of whole numbers, such as a shape."""
        import numpy as np

        return self.constant(np.array(values, dtype="int64"))

    def constant(self, values: Any) -> str:
        """The name of an array that is put into the graph."""
        from onnx import numpy_helper

        name = f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name
