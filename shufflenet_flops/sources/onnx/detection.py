"""Regions of an image, and which of them are kept."""

from __future__ import annotations

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at
from shufflenet_flops.spec import OpClass


def roi_align(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each cell is the mean of samples, a side of which holds as many as was said, or one."""
    samples = max(1, attributes.get("sampling_ratio", 0)) ** 2
    counts = {OpClass.INTERPOLATED_ELEMENTS: y.elements * samples}
    return Work("roi_align", Kind.RESAMPLE, counts)


def suppressed(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each box looked at once for each class; how many overlaps are is up to values."""
    return Work("nms", Kind.REDUCTION, {OpClass.REDUCTION_INPUTS: 4 * at(xs, 1).elements})
