"""Sequences of tensors, written out: what stands in one is known, and using it moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.onnx.chain import Nodes, attributes_of, input_at, make_node
from shufflenet_flops.sources.onnx.inference import Inference
from shufflenet_flops.sources.onnx.schemas import NAMESPACES
from shufflenet_flops.sources.onnx.subgraphs import MAX_NODES

if TYPE_CHECKING:
    from onnx import NodeProto


class Sequences:
    """The tensors of each sequence so far, by name; one that values decide is in none."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._parts: dict[str, tuple[str, ...]] = {}

    def parts(self, name: str) -> tuple[str, ...] | None:
        """The names of the tensors in a sequence, None where it is none or they are not known."""
        return self._parts.get(name)

    def hold(self, name: str, parts: Sequence[str]) -> None:
        """From here on `name` is the sequence of these. Raises InputError for too many."""
        _check_number(name, len(parts))
        self._parts[name] = tuple(parts)
        self._inference.reasons[name] = "depends on values"

    def written_out(self, node: NodeProto) -> Nodes | None:
        """The nodes on tensors that `node` stands for; None where it stands for itself."""
        way = _WAYS.get(node.op_type) if node.domain in NAMESPACES else None
        return None if way is None else way(self, node)

    def constructed(self, node: NodeProto) -> Nodes:
        self.hold(node.output[0], list(node.input))
        return []

    def same(self, node: NodeProto) -> Nodes | None:
        """The sequence or tensor itself."""
        parts = self.parts(input_at(node, 0))
        if parts is not None:
            self.hold(node.output[0], parts)
            return []
        if node.op_type == "Identity" or not node.input:
            return None
        return [make_node("Identity", list(node.input[:1]), list(node.output))]

    def at(self, node: NodeProto) -> Nodes | None:
        """One of its tensors; where values decide which, and all are alike, the first."""
        parts = self.parts(node.input[0])
        if not parts:
            return None
        place = self._place(node.input[1], len(parts))
        if place is None:
            sizes = [self._inference.sizes(part) for part in parts]
            place = 0 if None not in sizes and sizes.count(sizes[0]) == len(sizes) else None
        if place is None or not 0 <= place < len(parts):
            return None
        return [make_node("Identity", [parts[place]], list(node.output))]

    def inserted(self, node: NodeProto) -> Nodes | None:
        parts = self.parts(node.input[0])
        if parts is None:
            return None
        place = self._place(input_at(node, 2), len(parts), absent=len(parts))
        if place is None or not 0 <= place <= len(parts):
            return None
        self.hold(node.output[0], [*parts[:place], node.input[1], *parts[place:]])
        return []

    def erased(self, node: NodeProto) -> Nodes | None:
        parts = self.parts(node.input[0])
        if not parts:
            return None
        place = self._place(input_at(node, 1), len(parts), absent=len(parts) - 1)
        if place is None or not 0 <= place < len(parts):
            return None
        self.hold(node.output[0], [*parts[:place], *parts[place + 1 :]])
        return []

    def length(self, node: NodeProto) -> Nodes | None:
        parts = self.parts(node.input[0])
        if parts is None:
            return None
        return [make_node("Constant", [], list(node.output), value_int=len(parts))]

    def split(self, node: NodeProto) -> Nodes | None:
        """Views of one tensor, with the axis that is split, or without it where it may go."""
        attributes = attributes_of(node)
        axis, sizes = attributes.get("axis", 0), self._inference.sizes(node.input[0])
        given = input_at(node, 1)
        whole = None if sizes is None or not -len(sizes) <= axis < len(sizes) else sizes[axis]
        lengths = None if whole is None else self._lengths(given, whole)
        if not lengths:
            return None
        output = node.output[0]
        names = [f"{output}//{i}" for i in range(len(lengths))]
        drops = not given and not attributes.get("keepdims", 1)
        split = [f"{name}/whole" for name in names] if drops else names
        nodes = self.on_numbers("Split", node.input[0], split, "split", lengths, axis=axis)
        if drops:
            for name, kept in zip(names, split, strict=True):
                nodes += self.on_numbers("Squeeze", kept, [name], "axes", [axis])
        self.hold(output, names)
        return nodes

    def _lengths(self, name: str, whole: int) -> list[int] | None:
        """How long each part is along the axis that is split."""
        value: Any = self._inference.values.get(name)
        if name and value is None:
            return None
        if name and value.ndim:
            return [int(length) for length in value]
        step = int(value) if name else 1
        _check_number(name or "of parts", whole // max(1, step))
        return (
            [min(step, whole - i * step) for i in range(ceil(whole / step))] if step > 0 else None
        )

    def concatenated(self, node: NodeProto) -> Nodes | None:
        parts = self.parts(node.input[0])
        if not parts:
            return None
        attributes = attributes_of(node)
        axis, output = attributes["axis"], node.output[0]
        nodes: Nodes = []
        names = list(parts)
        if attributes.get("new_axis"):
            names = [f"{output}//{i}" for i in range(len(parts))]
            for part, name in zip(parts, names, strict=True):
                nodes += self.on_numbers("Unsqueeze", part, [name], "axes", [axis])
        return [*nodes, make_node("Concat", names, [output], axis=axis)]

    def on_numbers(
        self, op_type: str, x: str, outputs: list[str], name: str, numbers: list[int], **others: Any
    ) -> Nodes:
        """An operator whose numbers are an attribute up to version 12, and an input since then."""
        if self._inference.opsets.get("", 13) < 13:
            return [make_node(op_type, [x], outputs, **{name: numbers}, **others)]
        place = f"{outputs[0]}//{name}"
        return [
            make_node("Constant", [], [place], value_ints=numbers),
            make_node(op_type, [x, place], outputs, **others),
        ]

    def _place(self, name: str, length: int, absent: int | None = None) -> int | None:
        """A position counted from the first, None where values decide it."""
        if not name:
            return absent
        value = self._inference.values.get(name)
        if value is None or value.size != 1:
            return None
        place = int(value.reshape(-1)[0])
        return place + length if place < 0 else place


def _check_number(name: str, parts: int) -> None:
    if parts > MAX_NODES:
        raise InputError(
            f"its sequence {name} comes to more than {MAX_NODES:,} tensors, and so many are not "
            "counted"
        )


_WAYS = {
    **dict.fromkeys(("SequenceConstruct", "SequenceEmpty"), Sequences.constructed),
    **dict.fromkeys(("Identity", "Optional", "OptionalGetElement"), Sequences.same),
    "SequenceAt": Sequences.at,
    "SequenceInsert": Sequences.inserted,
    "SequenceErase": Sequences.erased,
    "SequenceLength": Sequences.length,
    "SplitToSequence": Sequences.split,
    "ConcatFromSequence": Sequences.concatenated,
}
