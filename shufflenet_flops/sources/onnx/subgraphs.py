"""Nodes within nodes: the branch of an If, the body of a Loop, and functions of the file's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

MAX_NODES = 20_000  # after loops are unrolled and functions are written out

Inlined = tuple[list["NodeProto"], list["TensorProto"]]


def inlined(
    graph: GraphProto, home: str, prefix: str, inputs: Sequence[str], outputs: Sequence[str]
) -> Inlined:
    """The nodes and initializers of a graph under names of their own, from `inputs` to `outputs`.

    Names that the graph defines get `prefix`; others are those of the graphs around it. What the
    graph holds, as constants too, gets `home`, so that a body that is repeated holds it once.
    """
    from onnx import helper

    names = dict(zip((value.name for value in graph.input), inputs, strict=True))
    tensors = [_named(tensor, tensor.name, home) for tensor in initializers(graph)]
    held = [tensor_of(node) for node in graph.node]
    for node, tensor in zip(graph.node, held, strict=True):
        if tensor is not None:
            tensors.append(_named(tensor, node.output[0], home))
        names.update((name, f"{prefix}{name}") for name in node.output if name)
    names.update((tensor.name.removeprefix(home), tensor.name) for tensor in tensors)
    nodes = [
        _renamed(node, names)
        for node, tensor in zip(graph.node, held, strict=True)
        if tensor is None
    ]
    for inner, outer in zip((value.name for value in graph.output), outputs, strict=True):
        if outer:
            nodes.append(helper.make_node("Identity", [names.get(inner, inner)], [outer]))
    return nodes, tensors


def tensor_of(node: NodeProto) -> TensorProto | None:
    """The tensor that a Constant holds; None for other nodes, and for constants that are text."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    for item in node.attribute:
        if item.name == "value":
            held: TensorProto = item.t
            return held
        if item.name == "sparse_value":
            return _dense(item.sparse_tensor)
    return None


def initializers(graph: GraphProto) -> Iterator[TensorProto]:
    """The tensors that a graph holds, beside those in its constants."""
    yield from graph.initializer
    yield from map(_dense, graph.sparse_initializer)


def _dense(sparse: SparseTensorProto) -> TensorProto:
    """All of a sparse tensor, as an engine has it before it runs anything; without its values."""
    kind = type(sparse.values)
    return kind(name=sparse.values.name, data_type=sparse.values.data_type, dims=sparse.dims)


def _named(tensor: TensorProto, name: str, home: str) -> TensorProto:
    made = type(tensor)()
    made.CopyFrom(tensor)
    made.name = f"{home}{name}"
    return made


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    made = type(node)()
    made.CopyFrom(node)
    made.input[:] = [names.get(name, name) for name in node.input]
    made.output[:] = [names.get(name, name) for name in node.output]
    for attribute in made.attribute:
        if attribute.HasField("g"):
            _rename_captured(attribute.g, names)
    return made


def _rename_captured(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Rename what a graph takes from the graphs around it."""
    own = {value.name for value in (*graph.input, *initializers(graph))}
    own.update(name for node in graph.node for name in node.output)
    taken = {old: new for old, new in names.items() if old not in own}
    for node in graph.node:
        node.input[:] = [taken.get(name, name) for name in node.input]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename_captured(attribute.g, taken)
    for value in graph.output:
        value.name = taken.get(value.name, value.name)


def without_functions(model: ModelProto) -> list[NodeProto]:
    """The graph's nodes with the file's own functions written out, where they do not grow too far.

    Those that would come to more than MAX_NODES, or call themselves, stay as they are.
    """
    import onnx
    from onnx import inliner

    nodes = list(model.graph.node)
    if not model.functions:
        return nodes
    sizes = _expanded_sizes(model)
    total = sum(sizes.get(called, 1) for called in _calls(nodes))
    if total > MAX_NODES:
        return nodes
    bare = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions
    )
    bare.graph.name = "graph"
    bare.graph.node.extend(nodes)
    bare.graph.input.extend(model.graph.input)
    bare.graph.output.extend(model.graph.output)
    try:
        return list(inliner.inline_local_functions(bare).graph.node)
    except Exception as error:  # its C++ raises RuntimeError, and types of its own
        first = str(error).strip().splitlines()[:1]
        raise InputError(f"its functions cannot be written out: {''.join(first)}") from None


def _expanded_sizes(model: ModelProto) -> dict[tuple[str, str], int]:
    """How many nodes each function comes to; more than MAX_NODES where functions go in circles."""
    calls = {
        (function.domain, function.name): list(_calls(function.node))
        for function in model.functions
    }
    sizes: dict[tuple[str, str], int] = {}
    try:
        for key in TopologicalSorter(calls).static_order():
            if key in calls:
                sizes[key] = min(sum(sizes.get(name, 1) for name in calls[key]), MAX_NODES + 1)
    except CycleError:
        return dict.fromkeys(calls, MAX_NODES + 1)
    return sizes


def _calls(nodes: Iterable[NodeProto]) -> Iterator[tuple[str, str]]:
    """The operators of these nodes and of the graphs within them."""
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _calls(attribute.g.node)


def held_tensors(model: ModelProto) -> Iterator[TensorProto]:
    """The tensors of a file: its initializers, and what its constants hold."""
    yield from initializers(model.graph)
    for node in without_functions(model):
        held = tensor_of(node)
        if held is not None:
            yield held
