"""torchvision's own ops, by name: they exist only once it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from torch import Tensor

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind, conv_kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Formula


def _deform_conv2d(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """A convolution whose every factor is interpolated first, once for all output channels."""
    x, weight = args[:2]
    kernel, groups = tuple(weight.shape[2:]), args[11]
    counts = {
        OpClass.CONV_MACS: y.numel() * prod(weight.shape[1:]),
        OpClass.CONV_BIAS_ADDS: y.numel(),
        OpClass.INTERPOLATED_ELEMENTS: y.numel() // y.shape[1] * x.shape[1] * prod(kernel),
    }
    kind = conv_kind(x.shape[1], kernel, groups)
    return Work("deform_conv2d", kind, counts, kernel, tuple(args[5:7]), groups)


def _roi_align(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """Each cell is the mean of samples, a side of which holds as many as was said, or one."""
    samples = max(1, args[-2 if isinstance(args[-1], bool) else -1]) ** 2
    counts = {OpClass.INTERPOLATED_ELEMENTS: y.numel() * samples}
    return Work("roi_align", Kind.RESAMPLE, counts)


def _roi_pool(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    return Work("roi_pool", Kind.RESAMPLE, {OpClass.INTERPOLATED_ELEMENTS: y.numel()})


def _nms(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """Each box read once; how many overlaps are looked at depends on the boxes."""
    counts = {OpClass.REDUCTION_INPUTS: args[0].numel()}
    return Work("nms", Kind.REDUCTION, counts)


BY_NAME: Mapping[str, Formula] = MappingProxyType(
    {
        "torchvision.deform_conv2d": _deform_conv2d,
        "torchvision.nms": _nms,
        "torchvision.roi_align": _roi_align,
        "torchvision.ps_roi_align": _roi_align,
        "torchvision.roi_pool": _roi_pool,
        "torchvision.ps_roi_pool": _roi_pool,
    }
)
