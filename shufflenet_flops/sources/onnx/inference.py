"""Shapes of an ONNX graph's values, node by node, and the values of the few that decide shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.row import IntShape
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.elements import (
    FEW_ELEMENTS,
    FLOAT,
    FRACTIONAL,
    INT8,
    INT64,
    STRING,
    TYPES,
    UINT8,
    checked_shape,
    few_values,
    itemsize,
    shape_of_type,
)
from shufflenet_flops.sources.onnx.folding import FOLDED, SHRINKING, fold
from shufflenet_flops.sources.onnx.operand import Operand
from shufflenet_flops.sources.onnx.schemas import (
    NAMESPACES,
    SHAPED,
    body_of,
    infer_types,
    operator_name,
    schema_of,
)
from shufflenet_flops.sources.onnx.uncounted import SHAPES

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, TypeProto, ValueInfoProto

# Operators that only ask for a shape.
_DESCRIBING = ("Shape", "Size")
# Operators whose sizes are worked out from values that are no whole numbers.
_SCALED = frozenset({"Range", "Resize", "Upsample"})
_VALUES = "depends on values"
LATEST = 1000  # for a version that no operator has, the latest is taken


@dataclass
class Inference:
    """What is known of the values of a graph so far; `infer` goes on by one node.

    `operands` are those with a shape, `values` those worked out. `reasons` says of any other value
    why its shape is not known, as the end of "on a shape that". `declared` are shapes that the file
    gives, which stand where nothing can be inferred.
    """

    opsets: Mapping[str, int]
    declared: Mapping[str, IntShape]
    operands: dict[str, Operand] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    _types: dict[str, TypeProto] = field(default_factory=dict)
    _memo: dict[Any, list[TypeProto | None]] = field(default_factory=dict)
    _large: dict[str, int] = field(default_factory=dict)

    def add_input(self, name: str, elem_type: int, shape: IntShape) -> None:
        """A tensor that is given from outside."""
        from onnx import helper

        self._set_type(name, helper.make_tensor_type_proto(elem_type, shape), _VALUES)

    def add_map(self, value: ValueInfoProto) -> None:
        """A map that is given from outside, of which no size tells how much is read."""
        self._types[value.name] = value.type
        self.operands[value.name] = Operand((0,), itemsize(FLOAT))

    def add_constant(self, name: str, tensor: TensorProto) -> None:
        """A tensor that the file holds."""
        from onnx import helper

        shape = checked_shape(name, tuple(tensor.dims))
        values = few_values(tensor)
        self._types[name] = helper.make_tensor_type_proto(tensor.data_type, shape)
        if tensor.data_type not in _NUMBERS:
            self.reasons[name] = _VALUES
            return
        self.operands[name] = Operand(
            shape,
            itemsize(tensor.data_type),
            is_weight=True,
            values=_numbers(values),
        )
        if values is not None:
            self.values[name] = values
        else:
            self._large[name] = self.operands[name].elements

    def sizes(self, name: str) -> tuple[int | None, ...] | None:
        """The size of each axis, None where it is not known; None where a value's axes are not."""
        value_type = self._types.get(name)
        if value_type is None or not value_type.tensor_type.HasField("shape"):
            return None
        axes = value_type.tensor_type.shape.dim
        return tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in axes)

    def body(self, node: NodeProto) -> GraphProto | None:
        """The graph by which ONNX itself defines the node's operator, if it does."""
        return body_of(self._schema(node), node, [self._types.get(name) for name in node.input])

    def is_text(self, name: str) -> bool:
        """Whether a value is text, whose shape may be known and whose size is not."""
        value_type = self._types.get(name)
        return value_type is not None and value_type.tensor_type.elem_type == STRING

    def dtype(self, name: str) -> str:
        """What the elements of a value of known shape are."""
        return TYPES[self._types[name].tensor_type.elem_type][0]

    def infer(self, node: NodeProto) -> None:
        """The shapes, and where they are few the values, of the node's outputs.

        Raises InputError where its inputs do not fit, or are given by nothing before it.
        """
        for name in node.input:
            if name and name not in self._types and name not in self.reasons:
                raise InputError(
                    f"its node {node.name or node.op_type} uses {name}, which nothing before it "
                    "gives"
                )
        reason = self._reason(node)
        if node.op_type in _DESCRIBING and node.domain in NAMESPACES:
            self._describe(node, reason)
            return
        for name, value_type in zip(node.output, self._outputs(node), strict=True):
            if name:
                self._set_type(name, value_type, reason)
        if node.op_type == "PackedWeight" and node.input[0] in self.operands:
            packed = self.operands[node.input[0]].size_bytes
            weight = replace(self.operands[node.output[0]], packed_bytes=packed)
            self.operands[node.output[0]] = weight
        if node.op_type in FOLDED and node.domain in NAMESPACES:
            self._fold(node)

    def _reason(self, node: NodeProto) -> str:
        """Why a shape would not be known after this node."""
        for name in node.input:
            if name in self.reasons:
                return self.reasons[name]
        if node.op_type in SHAPES:
            return SHAPES[node.op_type]
        if self._schema(node) is None:
            return f"{operator_name(node)} does not tell"
        for name in node.input:
            if name in self._large:
                return f"takes the values of {self._large[name]:,} elements to work out"
        return _VALUES

    def _set_type(self, name: str, value_type: TypeProto | None, reason: str) -> None:
        from onnx import helper

        shape = shape_of_type(value_type) if value_type is not None else None
        if shape is None and name in self.declared:
            elem_type = value_type.tensor_type.elem_type if value_type is not None else FLOAT
            shape = self.declared[name]
            value_type = helper.make_tensor_type_proto(elem_type or FLOAT, shape)
        self.values.pop(name, None)
        if value_type is not None:
            self._types[name] = value_type
        if value_type is None or shape is None or value_type.tensor_type.elem_type not in _NUMBERS:
            self.reasons[name] = reason
            return
        size = itemsize(value_type.tensor_type.elem_type)
        self.operands[name] = Operand(checked_shape(name, shape), size)

    def _outputs(self, node: NodeProto) -> Sequence[TypeProto | None]:
        """The types of its outputs, None for each that is not known."""
        if node.op_type in SHAPED and node.domain in NAMESPACES:
            return [self._shaped(node)]
        schema = self._schema(node)
        inputs = {name: self._types.get(name) for name in node.input if name}
        holds_graph = any(attribute.HasField("g") for attribute in node.attribute)
        if schema is None or holds_graph or None in inputs.values():
            return [None] * len(node.output)
        types = {
            name: value_type.SerializeToString()
            for name, value_type in inputs.items()
            if value_type
        }
        data = self._data(node)
        key = (
            node.op_type,
            node.domain,
            tuple(attribute.SerializeToString(deterministic=True) for attribute in node.attribute),
            tuple(types[name] if name else b"" for name in node.input),
            tuple(data[name].SerializeToString() if name in data else b"" for name in node.input),
            tuple(map(bool, node.output)),
        )
        if key not in self._memo:
            self._memo[key] = infer_types(schema, node, inputs, data, self.opsets)
        return self._memo[key]

    def _shaped(self, node: NodeProto) -> TypeProto | None:
        """In the type that is asked for, else fractions: its first input's where it holds such.

        A weight whose bytes hold several numbers, of so many `bits`, has more along its last axis.
        """
        from onnx import helper

        given = self._types.get(node.input[0])
        elem_type = given.tensor_type.elem_type if given is not None else FLOAT
        attributes = attributes_of(node)
        own = elem_type if elem_type in FRACTIONAL else FLOAT
        shape = attributes.get("shape")
        if "bits" in attributes:
            if node.input[0] not in self.operands:
                return None
            *rest, last = self.operands[node.input[0]].shape
            each = attributes["bits"] if elem_type in (UINT8, INT8) else 8
            shape = [*rest, last * 8 // each]
        return helper.make_tensor_type_proto(attributes.get("to", own), shape)

    def _data(self, node: NodeProto) -> dict[str, TensorProto]:
        """The values that a shape may hang on."""
        from onnx import numpy_helper

        return {
            name: numpy_helper.from_array(self.values[name])
            for name in node.input
            if name in self.values
            and (self.values[name].dtype.kind in "iub" or node.op_type in _SCALED)
        }

    def _schema(self, node: NodeProto) -> Any:
        domain = "" if node.domain in NAMESPACES else node.domain
        return schema_of(node.op_type, self._version(node, domain), domain)

    def _version(self, node: NodeProto, domain: str = "") -> int:
        """Of its operator; that of Constant, which has only grown, is the latest."""
        return LATEST if node.op_type == "Constant" else self.opsets.get(domain, LATEST)

    def _describe(self, node: NodeProto, reason: str) -> None:
        import numpy as np
        from onnx import helper

        (name,) = node.output
        x = self.operands.get(node.input[0])
        if x is None:
            axes = self.sizes(node.input[0]) if node.op_type == "Shape" else None
            known = axes is not None and not node.attribute
            shape = () if node.op_type == "Size" else (len(axes or ()),) if known else None
            value_type = helper.make_tensor_type_proto(INT64, shape)
            self._set_type(name, value_type, reason)
            return
        bounds = {attribute.name: attribute.i for attribute in node.attribute}
        part = x.shape[bounds.get("start", 0) : bounds.get("end", len(x.shape))]
        value = np.array(part if node.op_type == "Shape" else x.elements, dtype=np.int64)
        self._set_value(name, value)

    def _fold(self, node: NodeProto) -> None:
        values = [self.values.get(name) if name else None for name in node.input]
        if any(name and name not in self.values for name in node.input):
            if all(not name or name in self.values or name in self._large for name in node.input):
                most = max(self._large[name] for name in node.input if name in self._large)
                self._large.update(dict.fromkeys(node.output, most))
            return
        sizes = [self.operands[name].elements for name in node.output if name in self.operands]
        if any(size > FEW_ELEMENTS for size in sizes):
            self._large.update(dict.fromkeys(node.output, max(sizes)))
            return
        if len(sizes) < sum(map(bool, node.output)) and node.op_type not in SHRINKING:
            return
        results = fold(node, self._version(node), values)
        for name, value in zip(node.output, results or (), strict=False):
            if name:
                self._set_value(name, value)

    def _set_value(self, name: str, value: Any) -> None:
        from onnx import helper

        elem_type = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.reasons.pop(name, None)
        self._set_type(name, helper.make_tensor_type_proto(elem_type, value.shape), _VALUES)
        self.values[name] = value
        if name in self.operands:
            self.operands[name] = replace(self.operands[name], values=_numbers(value))


def _numbers(values: Any) -> tuple[float, ...] | None:
    """The values of a bound, a size or a few axes; None for more, which no formula asks for."""
    if values is None or values.size > 16:
        return None
    return tuple(values.ravel().tolist())


_NUMBERS = frozenset(range(1, 28)) - {STRING}
