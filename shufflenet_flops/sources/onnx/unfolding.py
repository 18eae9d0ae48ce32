"""The nodes of a graph in the order they run, those in branches and loops among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.contributed import set_aside, standard
from shufflenet_flops.sources.onnx.inference import Inference
from shufflenet_flops.sources.onnx.rows import has_rule
from shufflenet_flops.sources.onnx.schemas import NAMESPACES, naming
from shufflenet_flops.sources.onnx.sequences import Sequences
from shufflenet_flops.sources.onnx.subgraphs import MAX_NODES, inlined, tensor_of

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


class Unfolding:
    """Goes through nodes, infers each, and gives those of ONNX's own that it stands for.

    `hold` is told of every tensor that a branch or a body holds, under the name that it goes by,
    and `set_by` of values that only say how numbers are written.
    """

    def __init__(self, inference: Inference, hold: Any, set_by: Any) -> None:
        self._inference = inference
        self._hold = hold
        self._set_by = set_by
        self._sequences = Sequences(inference)
        self._written = 0

    def nodes(self, nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
        """The nodes that run, each once the shapes of its outputs are known as far as they are."""
        ways = {
            "If": self._branch,
            "Loop": self._loop,
            "Scan": self._scan,
            "SequenceMap": self._map,
        }
        for node in nodes:
            way = ways.get(node.op_type) if node.domain in NAMESPACES else None
            with naming(node):
                yield from self._others(node) if way is None else way(node)

    def _others(self, node: NodeProto) -> Iterator[NodeProto]:
        """What a node without a graph of its own stands for."""
        parts = self._sequences.written_out(node)
        if parts is None:
            parts = standard(node, self._inference.sizes)
            self._set_by(set_aside(node, parts))
        for part in parts:
            body = None if has_rule(part) else self._inference.body(part)
            if body is not None:
                yield from self._within(part, body, "body", *_ends(part, body))
                continue
            held = tensor_of(part)
            if held is not None:
                self._hold(part.output[0], held)
                continue
            self._inference.infer(part)
            yield part

    def _unknown(self, node: NodeProto) -> Iterator[NodeProto]:
        self._inference.infer(node)
        yield node

    def _within(
        self, node: NodeProto, graph: GraphProto, part: str, inputs: list[str], outputs: list[str]
    ) -> Iterator[NodeProto]:
        """The nodes of a graph within a node."""
        home = f"{_place(node)}/"
        made, tensors = inlined(graph, home, f"{home}{part}/", inputs, outputs)
        self._written += 1 + len(made)
        if self._written > MAX_NODES:
            raise InputError(
                f"its {node.op_type} {node.name or node.output[0]} comes to more than "
                f"{MAX_NODES:,} nodes when it is written out, and so many are not counted"
            )
        for tensor in tensors:
            if tensor.name not in self._inference.operands:
                self._hold(tensor.name, tensor)
        yield from self.nodes(made)

    def _branch(self, node: NodeProto) -> Iterator[NodeProto]:
        """The branch that the shapes decide; the node itself where they do not."""
        condition = self._inference.values.get(node.input[0])
        if condition is None:
            yield from self._unknown(node)
            return
        graphs = _graphs(node)
        taken = graphs["then_branch" if condition.any() else "else_branch"]
        yield from self._within(node, taken, "branch", [], list(node.output))

    def _loop(self, node: NodeProto) -> Iterator[NodeProto]:
        """The body as often as the shapes say; the node itself from where they do not."""
        body = _graphs(node)["body"]
        going = self._number(node.input[1], 1) if len(node.input) > 1 else 1
        most = self._number(node.input[0], MAX_NODES)
        if going is None or most is None:
            yield from self._unknown(node)
            return
        carried = list(node.input[2:])
        stacked: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
        condition = node.input[1] if len(node.input) > 1 else ""
        for turn in range(most):
            if not going:
                break
            place = f"{_place(node)}/{turn}"
            inputs = [f"{place}/turn", condition or f"{place}/condition", *carried]
            yield from self.nodes(
                [_number(f"{place}/turn", turn)]
                + ([] if condition else [_flag(f"{place}/condition")])
            )
            outputs = [f"{place}/{i}" for i in range(len(body.output))]
            yield from self._within(node, body, str(turn), inputs, outputs)
            condition, *results = outputs
            carried, new = results[: len(carried)], results[len(carried) :]
            for names, name in zip(stacked, new, strict=True):
                names.append(name)
            going = self._number(condition, 1)
            if going is None:
                yield from self._unknown(node)
                return
        yield from self._results(node, carried, stacked)

    def _scan(self, node: NodeProto) -> Iterator[NodeProto]:
        """The body once for every element of the inputs that are gone through."""
        attributes = attributes_of(node)
        scanned = attributes["num_scan_inputs"]
        if not 0 < scanned <= len(node.input):
            raise ValueError(f"num_scan_inputs is {scanned}, and it has {len(node.input)} inputs")
        carried, sources = list(node.input[:-scanned]), node.input[-scanned:]
        axes = attributes.get("scan_input_axes") or [0] * scanned
        first = self._inference.operands.get(sources[0])
        if first is None:
            yield from self._unknown(node)
            return
        body = _graphs(node)["body"]
        stacked: list[list[str]] = [[] for _ in body.output[len(carried) :]]
        for turn in range(first.shape[axes[0]]):
            place = f"{_place(node)}/{turn}"
            slices = [f"{place}/in{i}" for i in range(scanned)]
            yield from self.nodes(
                [_number(f"{place}/turn", turn)]
                + [
                    _node("Gather", [source, f"{place}/turn"], [name], axis=axis)
                    for source, name, axis in zip(sources, slices, axes, strict=True)
                ]
            )
            outputs = [f"{place}/{i}" for i in range(len(body.output))]
            yield from self._within(node, body, str(turn), [*carried, *slices], outputs)
            carried, new = outputs[: len(carried)], outputs[len(carried) :]
            for names, name in zip(stacked, new, strict=True):
                names.append(name)
        yield from self._results(node, carried, stacked)

    def _map(self, node: NodeProto) -> Iterator[NodeProto]:
        """The body once for every tensor of the sequence."""
        whole = [self._sequences.parts(name) for name in node.input]
        if whole[0] is None:
            yield from self._unknown(node)
            return
        body = _graphs(node)["body"]
        made: list[list[str]] = [[] for _ in node.output]
        for turn in range(len(whole[0])):
            inputs = [
                name if parts is None else parts[turn]
                for name, parts in zip(node.input, whole, strict=True)
            ]
            outputs = [f"{_place(node)}/{turn}/{i}" for i in range(len(node.output))]
            yield from self._within(node, body, str(turn), inputs, outputs)
            for names, name in zip(made, outputs, strict=True):
                names.append(name)
        for output, names in zip(node.output, made, strict=True):
            self._sequences.hold(output, names)

    def _results(
        self, node: NodeProto, carried: list[str], stacked: list[list[str]]
    ) -> Iterator[NodeProto]:
        """What was carried to the end, and what every turn gave, one behind the other."""
        ends = zip(node.output, [*([name] for name in carried), *stacked], strict=False)
        made: list[NodeProto] = []
        for position, (output, names) in enumerate(ends):
            if not output:
                continue
            if position < len(carried):
                made.append(_node("Identity", names, [output]))
                continue
            if not names:
                self._inference.reasons[output] = "no turn of a loop gives"
                continue
            for name in names:
                made += self._sequences.on_numbers("Unsqueeze", name, [f"{name}//1"], "axes", [0])
            made.append(_node("Concat", [f"{name}//1" for name in names], [output], axis=0))
        yield from self.nodes(made)

    def _number(self, name: str, absent: int) -> int | None:
        """The one number that a value is, `absent` for no value, None where it is not known."""
        if not name:
            return absent
        value = self._inference.values.get(name)
        return None if value is None or value.size != 1 else int(value.reshape(-1)[0])


def _ends(node: NodeProto, body: GraphProto) -> tuple[list[str], list[str]]:
    """The node's inputs and outputs, with no name for each that it leaves out at the end."""
    if len(node.input) > len(body.input):
        raise ValueError(f"it takes {len(body.input)} inputs, and has {len(node.input)}")
    inputs = [*node.input, *("" for _ in body.input[len(node.input) :])]
    return inputs, [*node.output, *("" for _ in body.output[len(node.output) :])]


def _place(node: NodeProto) -> str:
    return f"{next((name for name in node.output if name), node.name)}//"


def _graphs(node: NodeProto) -> dict[str, GraphProto]:
    return {item.name: item.g for item in node.attribute if item.HasField("g")}


def _node(op_type: str, inputs: list[str], outputs: list[str], **attributes: Any) -> NodeProto:
    from onnx import helper

    return helper.make_node(op_type, inputs, outputs, **attributes)


def _number(name: str, value: int | list[int]) -> NodeProto:
    kind = "value_ints" if isinstance(value, list) else "value_int"
    return _node("Constant", [], [name], **{kind: value})


def _flag(name: str) -> NodeProto:
    from onnx import TensorProto, helper

    return _node("Constant", [], [name], value=helper.make_tensor("", TensorProto.BOOL, [], [True]))
