"""Operators that ONNX had once and ONNX Runtime still takes, and steps of training, as ONNX's own.

Source: ONNX Runtime's contrib_defs.cc, ONNX's Operators.md of the preview of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Meaning,
    Nodes,
    Sizes,
    as_operator,
    known_sizes,
)

if TYPE_CHECKING:
    from onnx import NodeProto


def _by_numbers(*op_types: str) -> Meaning:
    """Operators one after another, of which those of arithmetic take a number of the node's own."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
        chain = Chain(node)
        value = node.input[0]
        for op_type in op_types:
            arithmetic = op_type in ("Add", "Mul")
            number = [chain.then("Constant", [], value_float=1.0)] if arithmetic else []
            value = chain.then(op_type, [value, *number])
        return chain.end()

    return meaning


def _cropped(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """An image without its borders (left, top, right, bottom), or of a size from its corner."""
    known = known_sizes(sizes, node.input[0])
    if known is None or len(known) != 4:
        return None
    left, top, right, bottom = attributes["border"]
    size = attributes.get("scale") or [known[2] - top - bottom, known[3] - left - right]
    chain = Chain(node)
    chain.then("Unpacked", [node.input[0]], shape=[*known[:2], *size])
    return chain.end()


def _filled(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A tensor of numbers of the node's own, of the shape that it says."""
    if "shape" not in attributes:
        return None
    shape = [*attributes["shape"], *attributes.get("extra_shape", [])]
    chain = Chain(node)
    chain.then("ConstantOfShape", [chain.then("Constant", [], value_ints=shape)])
    return chain.end()


def _step_of_unit(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """Of a gated recurrent unit, after its products: two gates and a new state."""
    chain = Chain(node)
    state = node.input[0]
    update, output = (chain.then("Sigmoid", [state]) for _ in range(2))
    new = chain.then("Mul", [chain.then("Tanh", [state]), update])
    chain.then("Add", [new, chain.then("Mul", [state, output])])
    return chain.end()


def _summed(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Attention's scores by content, and those by position that are picked for each pair."""
    known = known_sizes(sizes, node.input[0])
    if known is None:
        return None
    chain = Chain(node)
    value, *others = node.input
    for other in others:
        picked = chain.then("Unpacked", [other], shape=known)
        value = chain.then("Add", [value, picked])
    chain.then("Mul", [value, chain.then("Constant", [], value_float=1.0)])
    return chain.end()


RETIRED: Mapping[str, Meaning] = MappingProxyType(
    {
        "Affine": _by_numbers("Mul", "Add"),
        "ImageScaler": _by_numbers("Mul", "Add"),
        "Scale": _by_numbers("Mul"),
        "ScaledTanh": _by_numbers("Mul", "Tanh", "Mul"),
        "ParametricSoftplus": _by_numbers("Mul", "Softplus", "Mul"),
        "Crop": _cropped,
        "DynamicSlice": as_operator("Slice", 0, 1, 2, 3),
        "GivenTensorFill": _filled,
        "GRUUnit": _step_of_unit,
        "DisentangledAttention_TRT": _summed,
        **dict.fromkeys(("MemcpyFromHost", "MemcpyToHost"), as_operator("Identity", 0)),
    }
)

# What each keeps beside every tensor that it trains, and how it works each out from the gradient.
_MEAN = ("Mul", "Mul", "Add")
_STEPS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Momentum": (("Mul", "Sub"), _MEAN),
    "Adagrad": (("Sqrt", "Add", "Div", "Mul", "Sub"), ("Mul", "Add")),
    "Adam": (("Sqrt", "Add", "Div", "Mul", "Sub"), _MEAN, ("Mul", *_MEAN)),
}


def _optimised(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """A step of an optimiser: for each tensor its gradient, and what is kept of earlier ones.

    After a learning rate and a number of steps come all tensors, all gradients, and so on.
    """
    chain = Chain(node)
    steps = _STEPS[node.op_type]
    number = len(node.output) // len(steps)
    for i in range(number):
        gradient = node.input[2 + number + i]
        kept = range(len(steps) - 1, -1, -1)  # the tensor itself last
        for group in kept:
            value = node.input[2 + i] if group == 0 else gradient
            *before, last = steps[group]
            for op_type in before:
                value = chain.then(op_type, [value] if op_type == "Sqrt" else [value, gradient])
            chain.gives(node.output[group * number + i], last, [value, gradient])
    return chain.nodes


OPTIMISERS: Mapping[str, Meaning] = MappingProxyType(dict.fromkeys(_STEPS, _optimised))
