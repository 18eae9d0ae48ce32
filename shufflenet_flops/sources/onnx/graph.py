"""From an ONNX model and the sizes of its inputs to what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shufflenet_flops.counting import Table
from shufflenet_flops.counting.causal import with_later_macs
from shufflenet_flops.peak.timeline import Timeline
from shufflenet_flops.sources.inputs import TEXT
from shufflenet_flops.sources.onnx.alive import Alive
from shufflenet_flops.sources.onnx.blocked import unpad
from shufflenet_flops.sources.onnx.elements import STRING, TYPES, check_location, size_bytes
from shufflenet_flops.sources.onnx.given import Given, known_shapes
from shufflenet_flops.sources.onnx.inference import LATEST, Inference
from shufflenet_flops.sources.onnx.parameters import Parameters
from shufflenet_flops.sources.onnx.rows import Reader, is_free, path_of
from shufflenet_flops.sources.onnx.subgraphs import (
    held_tensors,
    initializers,
    tensor_of,
    without_functions,
)
from shufflenet_flops.sources.onnx.unfolding import Unfolding
from shufflenet_flops.sources.source import Counted

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_NUMBERS = {TEXT: STRING, **{name: number for number, (name, _) in TYPES.items()}}


def count(model: ModelProto, given: Given) -> tuple[Counted, Timeline]:
    """Rows of the nodes in the order of the file, which is one they can run in, and what is alive.

    Raises InputError for shapes that cannot be, or do not fit each other.
    """
    graph = model.graph
    nodes = without_functions(model)
    inference = Inference(
        {
            "" if opset.domain == "ai.onnx" else opset.domain: min(opset.version, LATEST)
            for opset in model.opset_import
        },
        known_shapes((*graph.value_info, *graph.output), given.symbols)
        if given.as_declared
        else {},
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
    for value in graph.input:
        if value.name in given.maps:
            inference.add_map(value)
    unpad(nodes, {tensor.name: tensor for tensor in graph.initializer})
    for tensor in initializers(graph):
        hold(tensor.name, tensor)
    for node in nodes:
        held = tensor_of(node)
        if held is not None:
            hold(node.output[0], held, in_node=True)
    reader, alive = Reader(inference, parameters), Alive(inference)
    for node in Unfolding(inference, hold, parameters.set_by).nodes(_without_held(nodes)):
        rows = len(reader.rows)
        reader.read(node)
        results = [name for name in node.output if name and not reader.is_ready(name)]
        if results:
            row = reader.rows[-1] if len(reader.rows) > rows else None
            is_view = row is None and is_free(node)
            alive.ran(node, row, path_of(node), () if is_view else results)
    counted = Counted(
        Table(with_later_macs(reader.rows)),
        parameters.total + parameters.rest(),
        dict(reader.unknown),
    )
    there = {
        "parameters": sum(map(size_bytes, held_tensors(model))),
        "inputs": sum(
            inference.operands[name].size_bytes
            for name in given.inputs
            if name in inference.operands
        ),
    }
    return counted, alive.timeline(there, (value.name for value in graph.output))


def _without_held(nodes: Iterable[NodeProto]) -> Iterable[NodeProto]:
    return (node for node in nodes if tensor_of(node) is None)
