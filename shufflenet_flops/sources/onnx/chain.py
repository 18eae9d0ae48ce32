"""Nodes of ONNX's own operators, made in the place of another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import NodeProto

# The size of each axis of a value, None where it is not known; None where its axes are not.
Sizes = Callable[[str], tuple[int | None, ...] | None]
Nodes = list["NodeProto"]
# From the node, its attributes and the sizes of a value to nodes; None where it cannot be told.
Meaning = Callable[["NodeProto", Mapping[str, Any], Sizes], Nodes | None]


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """Numbers and texts; formulas ask for nothing else."""
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == attribute.INT:
            attributes[attribute.name] = attribute.i
        elif attribute.type == attribute.FLOAT:
            attributes[attribute.name] = attribute.f
        elif attribute.type == attribute.INTS:
            attributes[attribute.name] = list(attribute.ints)
        elif attribute.type == attribute.FLOATS:
            attributes[attribute.name] = list(attribute.floats)
        elif attribute.type == attribute.STRING:
            attributes[attribute.name] = attribute.s.decode()
        elif attribute.type == attribute.STRINGS:
            attributes[attribute.name] = [text.decode() for text in attribute.strings]
    return attributes


def input_at(node: NodeProto, position: int) -> str:
    return node.input[position] if position < len(node.input) else ""


def output_at(node: NodeProto, position: int) -> str:
    return node.output[position] if position < len(node.output) else ""


def inputs_at(node: NodeProto, positions: Iterable[int]) -> list[str]:
    """The inputs at these positions, without those left out at the end."""
    return without_ends([input_at(node, position) for position in positions])


def without_ends(names: list[str]) -> list[str]:
    """The names up to the last that is there."""
    while names and not names[-1]:
        names = names[:-1]
    return names


def known_sizes(sizes: Sizes, name: str) -> list[int] | None:
    """The size of each axis, where all are known."""
    found = sizes(name)
    whole = [size for size in found or () if size is not None]
    return whole if found is not None and len(whole) == len(found) else None


def make_node(op_type: str, inputs: list[str], outputs: list[str], **attributes: Any) -> NodeProto:
    from onnx import AttributeProto, helper

    node = helper.make_node(op_type, inputs, outputs)
    for name, setting in attributes.items():
        kind = (
            AttributeProto.INTS if setting in ([], ()) else None
        )  # such as the shape of one number
        node.attribute.append(helper.make_attribute(name, setting, attr_type=kind))
    return node


class Chain:
    """Nodes one after another, of which the last gives the output of the node they stand for."""

    def __init__(self, node: NodeProto) -> None:
        self.nodes: Nodes = []
        self._output = node.output[0]
        self._place = next((name for name in node.output if name), node.name)

    def then(self, op_type: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """Add a node; the name of its first result."""
        place = f"{self._place}//{len(self.nodes)}"
        names = [place, *(f"{place}.{i}" for i in range(1, outputs))]
        self.nodes.append(make_node(op_type, inputs, names, **attributes))
        return place

    def gives(self, output: str, op_type: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node whose result the whole gives under this name, if it is asked for."""
        value = self.then(op_type, inputs, **attributes)
        if not output:
            return value
        self.nodes[-1].output[:] = [output]
        return output

    def end(self, *further: str) -> Nodes:
        """The nodes, of which the last has the name of the whole, and gives these others too."""
        self.nodes[-1].output[:] = [self._output, *further]
        return self.nodes


CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
TRANSPOSED = (*CONV, "output_padding", "output_shape")


def picked(attributes: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: attributes[name] for name in names if name in attributes}


def as_operator(op_type: str, *positions: int, keep: tuple[str, ...] = ()) -> Meaning:
    """One operator on the inputs at these positions, with these attributes."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
        inputs = inputs_at(node, positions)
        return [make_node(op_type, inputs, list(node.output), **picked(attributes, *keep))]

    return meaning


def add_activation(chain: Chain, value: str, attributes: Mapping[str, Any]) -> None:
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
