"""Operators of ONNX Runtime whose images have their channels last, as ONNX's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    TRANSPOSED,
    Chain,
    Meaning,
    Nodes,
    Sizes,
    add_activation,
    inputs_at,
    make_node,
    picked,
)

if TYPE_CHECKING:
    from onnx import NodeProto


# Settings of operators on images that say nothing of where the channels are.
_KEPT = (*TRANSPOSED, "blocksize", "ceil_mode", "count_include_pad", "mode", "size")


def channels_last(op_type: str, *positions: int) -> Meaning:
    """An operator whose images have their channels last, which in ONNX are second."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
        known = sizes(node.input[0])
        if known is None:
            return None
        chain, axes = Chain(node), len(known)
        first = [0, axes - 1, *range(1, axes - 1)]
        image, *others = inputs_at(node, positions)
        kept = picked(attributes, *_KEPT)
        image = chain.then("Transpose", [image], perm=first)
        value = chain.then(op_type, [image, *others], **kept)
        value = chain.then("Transpose", [value], perm=[0, *range(2, axes), 1])
        add_activation(chain, value, attributes)
        return chain.end()

    return meaning


def channels_last_weight(
    node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes
) -> Nodes | None:
    """A convolution whose weight has its channels last too."""
    weight = sizes(node.input[1])
    if weight is None or None in weight:
        return None
    made = channels_last("Conv", 0, 1, 2)(node, attributes, sizes)
    if made is None:
        return None
    first = f"{node.output[0]}//weight"
    shape = [weight[0], weight[-1], *weight[1:-1]]
    for part in made:
        part.input[:] = [first if name == node.input[1] else name for name in part.input]
    return [make_node("Unpacked", [node.input[1]], [first], shape=shape), *made]


def either(first: Meaning, last: Meaning) -> Meaning:
    """`last` where the channels come last, `first` otherwise."""

    def meaning(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
        return (last if attributes.get("channels_last") else first)(node, attributes, sizes)

    return meaning
