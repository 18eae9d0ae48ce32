"""Losses of scores."""

from __future__ import annotations

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def picked_loss(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Looks up one element for each target."""
    targets = at(xs, 1).elements
    return work_of("nll_loss", targets, fetched=targets)


def cross_entropy(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """The softmax of the scores, and the loss of those that were right."""
    scores, targets = at(xs, 0), at(xs, 1).elements
    counts = {
        OpClass.SOFTMAX_ELEMENTS: scores.elements,
        OpClass.SOFTMAX_VECTORS: scores.elements // max(1, scores.shape[1]),
        OpClass.REDUCTION_INPUTS: targets,
    }
    return Work("cross_entropy", Kind.ACTIVATION, counts)
