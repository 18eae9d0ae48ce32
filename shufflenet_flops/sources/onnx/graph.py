"""From an ONNX model and the sizes of its inputs to what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shufflenet_flops.counting import Table
from shufflenet_flops.sources.onnx.blocked import unpad
from shufflenet_flops.sources.onnx.elements import TYPES, check_location
from shufflenet_flops.sources.onnx.given import Given
from shufflenet_flops.sources.onnx.inference import Inference, known_shapes
from shufflenet_flops.sources.onnx.parameters import Parameters
from shufflenet_flops.sources.onnx.rows import Reader
from shufflenet_flops.sources.onnx.subgraphs import tensor_of, without_functions
from shufflenet_flops.sources.onnx.unfolding import Unfolding
from shufflenet_flops.sources.source import Counted

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_NUMBERS = {name: number for number, (name, _) in TYPES.items()}


def count(model: ModelProto, given: Given) -> Counted:
    """Rows of the nodes in the order of the file, which is one they can run in.

    Raises InputError for shapes that cannot be, or do not fit each other.
    """
    graph = model.graph
    nodes = without_functions(model)
    inference = Inference(
        {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import},
        known_shapes((*graph.value_info, *graph.output), given.symbols),
    )
    parameters = Parameters()

    def hold(name: str, tensor: TensorProto, *, in_node: bool = False) -> None:
        check_location(tensor)
        inference.add_constant(name, tensor)
        if name in inference.operands:
            elements = inference.operands[name].elements
            parameters.hold(name, tensor, elements, in_node=in_node)

    for name, given_input in given.inputs.items():
        inference.add_input(name, _NUMBERS[given_input.dtype], given_input.shape)
    unpad(nodes, {tensor.name: tensor for tensor in graph.initializer})
    for tensor in graph.initializer:
        hold(tensor.name, tensor)
    for node in nodes:
        held = tensor_of(node)
        if held is not None:
            hold(node.output[0], held, in_node=True)
    reader = Reader(inference, parameters)
    for node in Unfolding(inference, hold).nodes(_without_held(nodes)):
        reader.read(node)
    return Counted(
        Table(tuple(reader.rows)), parameters.total + parameters.rest(), dict(reader.unknown)
    )


def _without_held(nodes: Iterable[NodeProto]) -> Iterable[NodeProto]:
    return (node for node in nodes if tensor_of(node) is None)
