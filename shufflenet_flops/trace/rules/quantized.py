"""Layers of `torch.ao` on numbers of a byte, whose weights are packed into objects of C++."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from torch import Tensor

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind, conv_kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.packed import objects_in, unpacked
from shufflenet_flops.trace.rules.work import Context, Formula


def _linear(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """As one on fractions; scales say how numbers are written, and are no work."""
    counts = {OpClass.LINEAR_MACS: y.numel() * args[0].shape[-1]}
    if args[1].unpack()[1] is not None:
        counts[OpClass.LINEAR_BIAS_ADDS] = y.numel()
    return Work("linear", Kind.LINEAR, counts)


def _convolution(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    x, packed = args[:2]
    weight, bias = packed.unpack()
    kernel, groups = tuple(weight.shape[2:]), packed.groups()
    counts = {OpClass.CONV_MACS: y.numel() * prod(weight.shape[1:])}
    if bias is not None:
        counts[OpClass.CONV_BIAS_ADDS] = y.numel()
    kind = conv_kind(x.shape[1], kernel, groups)
    return Work(f"conv{len(kernel)}d", kind, counts, kernel, tuple(packed.stride()), groups)


def _recurrent(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """Each step of each sequence multiplies by each matrix once."""
    x = args[0]
    matrices = (w for packed in objects_in(args[1:]) for w in unpacked(packed) if w.dim() == 2)
    macs = x.numel() // x.shape[-1] * sum(matrix.numel() for matrix in matrices)
    return Work("rnn", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})


_LINEAR = "linear linear_relu linear_dynamic linear_relu_dynamic linear_dynamic_fp16"
_CELLS = "lstm gru rnn_relu rnn_tanh"
_CONVOLUTION = "conv1d conv2d conv3d conv1d_relu conv2d_relu conv3d_relu"
BY_NAME: Mapping[str, Formula] = MappingProxyType(
    {
        **{f"quantized.{name}": _linear for name in _LINEAR.split()},
        **{f"quantized.{name}": _convolution for name in _CONVOLUTION.split()},
        **{f"aten.quantized_{name}": _recurrent for name in ("lstm", "gru")},
        **{f"quantized.quantized_{name}_cell_dynamic": _recurrent for name in _CELLS.split()},
    }
)
