"""What ONNX's own inference is not given: it reads memory that is not its own, or never ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.einsum import check_equation

if TYPE_CHECKING:
    from onnx import NodeProto

_AXES = ("axis", "axes", "batch_dims")
# Operators whose axes are those of what they give, which has more of them, or say nothing where
# one scale holds for all.
_OTHERS = frozenset(
    {"ConcatFromSequence", "DequantizeLinear", "OneHot", "QuantizeLinear", "Unsqueeze"}
)


def check(node: NodeProto, inputs: Mapping[str, Any]) -> None:
    """Raise ValueError for axes that the first of these `inputs`, by type, does not have."""
    attributes = attributes_of(node)
    if node.op_type == "Einsum":
        check_equation(attributes.get("equation", ""))
    parts = attributes.get("num_outputs", 0)
    if parts > len(node.output):
        raise ValueError(f"its num_outputs is {parts}, and it has {len(node.output)}")
    first = inputs.get(node.input[0]) if node.input else None
    if first is None or not first.tensor_type.HasField("shape") or node.op_type in _OTHERS:
        return
    rank = len(first.tensor_type.shape.dim)
    for name in _AXES:
        given = attributes.get(name, 0)
        for axis in given if isinstance(given, list) else [given]:
            if not -max(1, rank) <= axis <= rank:
                raise ValueError(f"its {name} is {axis}, and its input has {rank} axes")
