"""Weights in the blocked layout of ONNX Runtime, filled up with zeros to whole blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.contributed import BLOCKED

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


def unpad(nodes: list[NodeProto], tensors: Mapping[str, TensorProto]) -> None:
    """Give weights the shapes that they had before they were filled up, in place.

    Where a blocked image ends, the file says how many of its channels are real. Elsewhere the
    channels at the end whose weights are all zero are taken for filling.
    """
    ends = _ends(nodes)
    for node in nodes:
        if (node.domain, node.op_type) != (BLOCKED, "Conv") or node.input[1] not in tensors:
            continue
        weight = tensors[node.input[1]]
        if len(weight.dims) < 3:
            continue
        grouped = attributes_of(node).get("group", 1) > 1
        filled_out, filled_in = _filling(weight, grouped=grouped)
        padded = weight.dims[0]
        real = min(padded, ends.get(node.output[0], padded - filled_out))
        for attribute in node.attribute:
            if attribute.name == "group" and attribute.i == padded:
                attribute.i = real  # depthwise: as many groups as channels
        weight.dims[1] -= filled_in
        for name in node.input[1:3]:
            if name in tensors and tensors[name].dims[0] == padded:
                tensors[name].dims[0] = real


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


def _filling(weight: TensorProto, *, grouped: bool) -> tuple[int, int]:
    """How many output and input channels at the end have no weight but zeros."""
    from onnx import numpy_helper

    if weight.external_data:
        return 0, 0
    try:
        values: Any = numpy_helper.to_array(weight)
    except (ValueError, TypeError, IndexError):
        return 0, 0
    outputs, inputs = values.shape[:2]
    filled_out, filled_in = 0, 0
    for block in (8, 16):
        if outputs % block or not values.size:
            continue
        if inputs % block or grouped:
            blocks = values.reshape(outputs // block, -1, block)
            filled_out = max(filled_out, _zeros(blocks[-1]))
            continue
        blocks = values.reshape(outputs // block, inputs // block, -1, block, block)
        filled_out = max(filled_out, _zeros(blocks[-1]))
        filled_in = max(filled_in, _zeros(blocks[:, -1].swapaxes(-1, -2)))
    return filled_out, filled_in


def _zeros(blocks: Any) -> int:
    """How many entries at the end of the last axis are zero everywhere; none where all are."""
    used = blocks.reshape(-1, blocks.shape[-1]).any(0)
    return int(used[::-1].argmax()) if used.any() else 0
