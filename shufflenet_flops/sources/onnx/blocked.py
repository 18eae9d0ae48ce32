"""Weights in the blocked layout of ONNX Runtime, filled up with zeros to whole blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.contributed import BLOCKED

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


def unpad(nodes: list[NodeProto], tensors: Mapping[str, TensorProto]) -> None:
    """Give weights the shapes that they had before they were filled up, in place.

    Where a blocked image ends, the file says how many of its channels are real. Elsewhere the
    channels at the end whose weights are all zero are taken for filling. A convolution's inputs are
    as real as what gives them.
    """
    convs = [node for node in nodes if _is_blocked_conv(node, tensors)]
    values = {node.input[1]: _values(tensors[node.input[1]]) for node in convs}
    block = _block(values.values())
    ends = _ends(nodes)
    channels: dict[str, int] = {}
    for node in nodes:
        if _is_blocked_conv(node, tensors):
            filled = _filled_outputs(values[node.input[1]], block)
            padded = tensors[node.input[1]].dims[0]
            real = min(padded, ends.get(node.output[0], padded - filled))
            inputs = channels.get(node.input[0])
            if inputs is None:  # they come from an image in the common layout
                inputs = _used_inputs(values[node.input[1]], block)
            _shrink(node, tensors, real, inputs)
            channels[node.output[0]] = real
        elif node.op_type != "ReorderOutput":
            _pass_on(node, channels)


def _is_blocked_conv(node: NodeProto, tensors: Mapping[str, TensorProto]) -> bool:
    return (
        (node.domain, node.op_type) == (BLOCKED, "Conv")
        and node.input[1] in tensors
        and len(tensors[node.input[1]].dims) > 2
    )


def _shrink(
    node: NodeProto, tensors: Mapping[str, TensorProto], real: int, inputs: int | None
) -> None:
    weight = tensors[node.input[1]]
    padded = weight.dims[0]
    groups = next((attribute for attribute in node.attribute if attribute.name == "group"), None)
    if groups is not None and groups.i == padded:
        groups.i = real  # depthwise: as many groups as channels
    elif inputs is not None and (groups is None or groups.i == 1):
        weight.dims[1] = min(weight.dims[1], inputs)
    for name in node.input[1:3]:
        if name in tensors and tensors[name].dims[0] == padded:
            tensors[name].dims[0] = real


def _pass_on(node: NodeProto, channels: dict[str, int]) -> None:
    """Between convolutions stand pools, sums and activations, and concatenations of channels."""
    known = [channels[name] for name in node.input if name in channels]
    if known and (node.op_type != "Concat" or len(known) == len(node.input)):
        total = sum(known) if node.op_type == "Concat" else known[0]
        channels.update((name, total) for name in node.output)


def _ends(nodes: list[NodeProto]) -> dict[str, int]:
    """The real channels of blocked values that are written out in the common layout."""
    real: dict[str, int] = {}
    for node in reversed(nodes):
        channels = attributes_of(node).get("channels") if node.domain == BLOCKED else None
        channels = channels or next((real[name] for name in node.output if name in real), None)
        if channels is not None and node.op_type != "Conv":
            real.update((name, channels) for name in node.input)
        elif channels is not None:
            real.update((name, channels) for name in node.input[3:])
    return real


def _values(weight: TensorProto) -> Any:
    """The weights as they lie in the file; None where they cannot be read."""
    from onnx import numpy_helper

    if weight.external_data:
        return None
    try:
        return numpy_helper.to_array(weight)
    except (ValueError, TypeError, IndexError):
        return None


def _block(weights: Iterable[Any]) -> int:
    """The channels of a block, 8 or 16 by the machine that wrote the file: which fills up more.

    Read in blocks of the wrong size, zeros are scattered.
    """
    known = [values for values in weights if values is not None]
    if any(values.shape[0] % 16 for values in known):
        return 8
    filled = {block: sum(_filled_outputs(values, block) for values in known) for block in (8, 16)}
    return max(filled, key=filled.__getitem__)


def _filled_outputs(values: Any, block: int) -> int:
    """How many output channels at the end have no weight but zeros; none where all are."""
    if values is None or values.shape[0] % block or not values.size:
        return 0
    return _trailing_zeros(values.reshape(values.shape[0] // block, -1, block)[-1])


def _used_inputs(values: Any, block: int) -> int | None:
    """How many input channels there are without those at the end that have no weight but zeros."""
    if values is None or not values.size or any(size % block for size in values.shape[:2]):
        return None
    outputs, inputs = values.shape[:2]
    blocks = values.reshape(outputs // block, inputs // block, -1, block, block)
    last = blocks[:, -1].swapaxes(-1, -2).reshape(-1, block)
    return int(inputs - _trailing_zeros(last))


def _trailing_zeros(vectors: Any) -> int:
    used = vectors.any(0)
    return int(used[::-1].argmax()) if used.any() else 0
