"""A mixture of experts in one node, of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Nodes,
    Sizes,
    input_at,
    known_sizes,
    without_ends,
)
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at, has
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from onnx import NodeProto

# Each of up to three layers' weights and biases; where a quantised operator has the weights.
_LAYERS = ((2, 3), (4, 5), (6, 7))
_PACKED = (2, 5, 8)


def experts(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each token goes through `k` experts, and what they say is weighed and added.

    An expert is two layers with an activation between them, with a third where it has a gate. A
    gate may be in the first layer, which is twice as wide then. Weights are (experts, out, in).
    Which experts a token takes is up to values, and how many is not; all weights are taken for
    read.
    """
    number = at(xs, 2).shape[0]
    calls = attributes.get("k", 1) * (y.elements // y.shape[-1])
    macs = biases = 0
    for weight, bias in _LAYERS:
        if has(xs, weight):
            macs += calls * at(xs, weight).elements // number
        if has(xs, bias):
            biases += calls * at(xs, bias).elements // number
    hidden = macs // max(1, calls * y.shape[-1])  # of all layers
    three = has(xs, 6) or attributes.get("swiglu_fusion", 0)
    width = hidden // (3 if three else 2)
    counts = {
        OpClass.LINEAR_MACS: macs,
        OpClass.LINEAR_BIAS_ADDS: biases,
        OpClass.ACTIVATION_ELEMENTS: calls * width,
        OpClass.SOFTMAX_ELEMENTS: at(xs, 1).elements,
        OpClass.MUL_ELEMENTS: calls * (y.shape[-1] + (width if three else 0)),
        OpClass.ADD_ELEMENTS: calls * y.shape[-1] - y.elements,
    }
    return Work("mixture_of_experts", Kind.LINEAR, {k: n for k, n in counts.items() if n})


def mixture(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """The node with the shape of its result, which is that of its first input."""
    known = known_sizes(sizes, node.input[0])
    if known is None:
        return None
    chain = Chain(node)
    chain.then("MoE", list(node.input), shape=known, **attributes)
    return chain.end()


def packed_mixture(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """The same on weights with `expert_weight_bits` for each number, beside which are scales."""
    known = known_sizes(sizes, node.input[0])
    if known is None:
        return None
    chain = Chain(node)
    inputs = list(node.input[:2])
    for layer, position in enumerate(_PACKED):
        weight = input_at(node, position)
        if weight:
            weight = chain.then("PackedWeight", [weight], bits=_bits(attributes, layer))
        inputs += [weight, input_at(node, position + 2)]
    chain.then("MoE", without_ends(inputs), shape=known, **attributes)
    return chain.end()


def _bits(attributes: Attributes, layer: int) -> int:
    if attributes.get("quant_type") == "fp8":
        return 8
    common: int = attributes.get("expert_weight_bits", 4)
    own: int = attributes.get(f"fc{layer + 1}_expert_weight_bits", 0)
    return own if own > 0 else common
