"""A mixture of experts in one node, of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.chain import Nodes, Sizes, make_node
from shufflenet_flops.sources.onnx.operand import Attributes, Formula, Inputs, Operand, at, has
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from onnx import NodeProto

# Each of up to three layers' weights and biases: in a file of fractions, and in a quantised one.
FRACTIONAL_LAYERS = ((2, 3), (4, 5), (6, 7))
PACKED_LAYERS = ((2, 4), (5, 7), (8, 10))


def experts(layers: tuple[tuple[int, int], ...]) -> Formula:
    """Each token goes through `k` experts, and what they say is weighed and added.

    An expert is two layers with an activation between them, with a third where it has a gate. A
    gate may be in the first layer, which is twice as wide then. Weights are (experts, out, in),
    packed with `expert_weight_bits` for each number. Which experts a token takes is up to values,
    and how many is not; all weights are taken for read.
    """

    def formula(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        number = at(xs, layers[0][0]).shape[0]
        calls = attributes.get("k", 1) * (y.elements // y.shape[-1])
        macs = biases = 0
        for position, (weight, bias) in enumerate(layers):
            if has(xs, weight):
                bits = _bits(attributes, position) if layers is PACKED_LAYERS else 8
                macs += calls * at(xs, weight).elements // number * 8 // bits
            if has(xs, bias):
                biases += calls * at(xs, bias).elements // number
        hidden = macs // max(1, calls * y.shape[-1])  # of all layers
        three = has(xs, layers[2][0]) or attributes.get("swiglu_fusion", 0)
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

    return formula


def _bits(attributes: Attributes, position: int) -> int:
    if attributes.get("quant_type") == "fp8":
        return 8
    common: int = attributes.get("expert_weight_bits", 4)
    own: int = attributes.get(f"fc{position + 1}_expert_weight_bits", 0)
    return own if own > 0 else common


def mixture(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """The node itself, with the shape of its result, which is that of its first input."""
    known = sizes(node.input[0])
    if known is None or None in known:
        return None
    return [make_node(node.op_type, list(node.input), list(node.output), shape=known, **attributes)]
