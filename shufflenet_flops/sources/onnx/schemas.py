"""What ONNX's own schemas say of an operator: the types of its outputs, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources.onnx.elements import FLOAT, INT32, NARROW
from shufflenet_flops.sources.onnx.guarded import check
from shufflenet_flops.sources.torch_modules.imports import one_line

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto, TypeProto

NAMESPACES = ("", "ai.onnx")
# What reading a malformed graph raises.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


@contextmanager
def naming(node: NodeProto) -> Iterator[None]:
    """Turn what a malformed node makes its readers raise into an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except MALFORMED as error:
        name = f"{operator_name(node)} {node.name}".strip()
        lacking = isinstance(error, KeyError)
        why = f"lacks {error.args[0]!r}" if lacking else f"is malformed: {one_line(error)}"
        raise InputError(f"its node {name} {why}") from None


def operator_name(node: NodeProto) -> str:
    """The operator's type, with its domain where that is not ONNX's own."""
    return node.op_type if node.domain in NAMESPACES else f"{node.domain}.{node.op_type}"


@cache
def schema_of(op_type: str, version: int, domain: str) -> Any:
    """The schema in force at a version, or else the latest: optimised graphs use later ones."""
    from onnx import defs

    op_type = _ALIKE.get(op_type, op_type) if not domain else op_type
    for wanted in (version, defs.onnx_opset_version()):
        try:
            return defs.get_schema(op_type, wanted, domain)
        except defs.SchemaError:
            continue
    return None


def body_of(schema: Any, node: NodeProto, types: list[TypeProto | None]) -> GraphProto | None:
    """The graph by which ONNX itself defines an operator on inputs of these types, if it does."""
    from onnx import FunctionProto, GraphProto, ValueInfoProto

    if schema is None or not schema.has_context_dependent_function:
        return None
    version = max(schema.context_dependent_function_opset_versions)
    given = [b"" if kind is None else kind.SerializeToString() for kind in types]
    try:
        text = schema.get_context_dependent_function_with_opset_version(
            version, node.SerializeToString(), given
        )
    except Exception:  # its C++ raises RuntimeError, and types of its own
        return None
    function = FunctionProto.FromString(text)
    if not function.node:
        return None
    graph = GraphProto()
    graph.node.extend(function.node)
    graph.input.extend(ValueInfoProto(name=name) for name in function.input)
    graph.output.extend(ValueInfoProto(name=name) for name in function.output)
    return graph


# Operators that are not ONNX's, made here with the shape of their result as an attribute.
SHAPED = frozenset(
    """
    CDist IntegerMean IntegerSum MoE PackedAttention PackedWeight Recurrence Spectrum Trees Unpacked
    Vectorized Windows
    """.split()
)
# Operators that are not ONNX's but stand in its namespace, and those whose shapes are the same.
_ALIKE = {
    "GroupNorm": "LayerNormalization",
    "Inverse": "Identity",
    "Reorder": "Identity",
    "Rotary": "LayerNormalization",
    "SimplifiedLayerNormalization": "RMSNormalization",
}


def infer_types(
    schema: Any,
    node: NodeProto,
    inputs: Mapping[str, Any],
    data: Mapping[str, TensorProto],
    opsets: Mapping[str, int],
) -> list[TypeProto | None]:
    """The types of the node's outputs as its schema infers them.

    Where an operator is not meant for narrow numbers, as in graphs that were quantised, its shapes
    are those for fractions. Raises InputError where the inputs do not fit, ValueError for settings
    that the inference is not to be given.
    """
    from onnx import helper, shape_inference

    check(node, inputs)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        outputs = shape_inference.infer_node_outputs(
            schema, node, dict(inputs), dict(data), opset_imports=imports
        )
    except Exception as error:  # its C++ raises RuntimeError, and types of its own
        elements = [value.tensor_type.elem_type for value in inputs.values()]
        wide = {name: _widened(value) for name, value in inputs.items()}
        if all(wide[name] is value for name, value in inputs.items()):
            raise InputError(f"its shapes do not fit: {_described(node, error)}") from None
        try:
            outputs = shape_inference.infer_node_outputs(schema, node, wide, opset_imports=imports)
        except Exception:
            raise InputError(f"its shapes do not fit: {_described(node, error)}") from None
        for value in outputs.values():
            value.tensor_type.elem_type = elements[0]
    return [outputs.get(name) for name in node.output]


def _widened(value: TypeProto) -> TypeProto:
    """The type with fractions where it has narrow numbers, the same type otherwise."""
    if value.tensor_type.elem_type not in NARROW | {INT32}:
        return value
    wide = type(value)()
    wide.CopyFrom(value)
    wide.tensor_type.elem_type = FLOAT
    return wide


def _described(node: NodeProto, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines) or type(error).__name__
    return f"{operator_name(node)} {node.name}: {text}".replace(" :", ":")
