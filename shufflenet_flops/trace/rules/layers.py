"""Norms, activations, softmax, pools and resampling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Rule, Work, elementwise, packets, table

aten = torch.ops.aten

_BATCH_NORMS = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _batch_norm_no_update _batch_norm_with_update
    batch_norm_elemt cudnn_batch_norm miopen_batch_norm
    """
_ACTIVATIONS = """
    celu elu gelu glu hardshrink hardsigmoid hardswish leaky_relu log_sigmoid_forward mish prelu
    _prelu_kernel relu relu6 selu sigmoid silu softplus softshrink tanh
    """
_INTERPOLATIONS = """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
    upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
    _upsample_lanczos2d_aa grid_sampler grid_sampler_2d grid_sampler_3d
    _grid_sampler_2d_cpu_fallback affine_grid_generator
    """
_PADS = """
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d
    """


def _hardtanh(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    op = "relu6" if tuple(args[1:3]) == (0.0, 6.0) else "hardtanh"
    return Work(op, Kind.ACTIVATION, {OpClass.ACTIVATION_ELEMENTS: y.numel()})


def _norm(op: str) -> Rule:
    return elementwise(op, Kind.NORM, OpClass.NORM_ELEMENTS)


def _softmax(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    counts = {
        OpClass.SOFTMAX_ELEMENTS: y.numel(),
        OpClass.SOFTMAX_VECTORS: y.numel() // max(1, y.shape[args[1]]) if y.dim() else 1,
    }
    return Work("softmax", Kind.ACTIVATION, counts)


def spread(size: Sequence[int] | int, axes: int) -> tuple[int, ...]:
    """A window size as torch takes it: one number stands for all axes."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return sizes * axes if len(sizes) == 1 else sizes


_Classes = tuple[OpClass, OpClass, OpClass]
_MAX: _Classes = (OpClass.MAX_POOL_INPUTS, OpClass.MAX_POOL_WINDOWS, OpClass.MAX_POOL_OUTPUTS)
_AVG: _Classes = (OpClass.AVG_POOL_INPUTS, OpClass.AVG_POOL_WINDOWS, OpClass.AVG_POOL_OUTPUTS)


def _pool(name: str, axes: int, classes: _Classes) -> Rule:
    inputs, windows, outputs = classes

    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        kernel = spread(args[1], axes)
        stride = spread(args[2], axes) if args[2] else kernel
        counts = {inputs: args[0].numel(), windows: y.numel() * prod(kernel), outputs: y.numel()}
        return Work(f"{name}{axes}d", Kind.POOL, counts, kernel, stride)

    return rule


def _adaptive_max_pool(axes: int) -> Rule:
    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        x = args[0]
        # Cell i of n covers floor(i*size/n) to ceil((i+1)*size/n): neighbours may overlap.
        covered = prod(
            sum(-(-(i + 1) * size // cells) - i * size // cells for i in range(cells))
            for size, cells in zip(x.shape[-axes:], y.shape[-axes:], strict=True)
        )
        counts = {
            OpClass.MAX_POOL_INPUTS: x.numel(),
            OpClass.MAX_POOL_WINDOWS: prod(x.shape[:-axes]) * covered,
            OpClass.MAX_POOL_OUTPUTS: y.numel(),
        }
        return Work(f"adaptive_max_pool{axes}d", Kind.POOL, counts)

    return rule


def _fractional_max_pool(axes: int) -> Rule:
    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        kernel = spread(args[1], axes)
        counts = dict(
            zip(_MAX, (args[0].numel(), y.numel() * prod(kernel), y.numel()), strict=True)
        )
        return Work(f"fractional_max_pool{axes}d", Kind.POOL, counts, kernel)

    return rule


def _adaptive_avg_pool(axes: int) -> Rule:
    """The global pool and its relatives of any output size."""

    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        counts = {
            OpClass.GLOBAL_POOL_INPUTS: args[0].numel(),
            OpClass.GLOBAL_POOL_OUTPUTS: y.numel(),
        }
        return Work(f"adaptive_avg_pool{axes}d", Kind.POOL, counts)

    return rule


def _mean(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    # torch runs an adaptive pool to 1x1 as a mean; only the calling function tells them apart.
    function = context.function.partition(".")[0]  # `adaptive_avg_pool2d.default` in a graph
    if function.startswith("adaptive_avg_pool"):
        return _adaptive_avg_pool(int(function[-2]))(args, y, context)
    counts = {OpClass.MEAN_INPUTS: args[0].numel(), OpClass.MEAN_OUTPUTS: y.numel()}
    return Work("mean", Kind.POOL, counts)


RULES: dict[Any, Rule] = {
    **dict.fromkeys(packets(_BATCH_NORMS), _norm("batch_norm")),
    **dict.fromkeys(packets("native_layer_norm"), _norm("layer_norm")),
    **dict.fromkeys(packets("native_group_norm"), _norm("group_norm")),
    **dict.fromkeys(packets("rms_norm _fused_rms_norm"), _norm("rms_norm")),
    **table(_ACTIVATIONS, Kind.ACTIVATION, OpClass.ACTIVATION_ELEMENTS),
    **dict.fromkeys(packets("hardtanh"), _hardtanh),
    **dict.fromkeys(
        packets("softmax _softmax log_softmax _log_softmax _safe_softmax"), _softmax
    ),
    **table(_INTERPOLATIONS, Kind.RESAMPLE, OpClass.INTERPOLATED_ELEMENTS),
    **dict.fromkeys(packets(_PADS), elementwise("pad", Kind.MOVE, OpClass.MOVED_ELEMENTS)),
    aten.max_pool1d: _pool("max_pool", 1, _MAX),
    aten.max_pool2d_with_indices: _pool("max_pool", 2, _MAX),
    aten.max_pool3d_with_indices: _pool("max_pool", 3, _MAX),
    aten.mkldnn_max_pool2d: _pool("max_pool", 2, _MAX),
    aten.mkldnn_max_pool3d: _pool("max_pool", 3, _MAX),
    aten.avg_pool1d: _pool("avg_pool", 1, _AVG),
    aten.avg_pool2d: _pool("avg_pool", 2, _AVG),
    aten.avg_pool3d: _pool("avg_pool", 3, _AVG),
    aten.adaptive_max_pool2d: _adaptive_max_pool(2),
    aten.adaptive_max_pool3d: _adaptive_max_pool(3),
    aten.fractional_max_pool2d: _fractional_max_pool(2),
    aten.fractional_max_pool3d: _fractional_max_pool(3),
    **dict.fromkeys(packets("max_unpool2d max_unpool3d"),
                    elementwise("max_unpool", Kind.MOVE, OpClass.MOVED_ELEMENTS)),
    aten.adaptive_avg_pool1d: _adaptive_avg_pool(1),
    aten._adaptive_avg_pool2d: _adaptive_avg_pool(2),
    aten._adaptive_avg_pool3d: _adaptive_avg_pool(3),
    aten.mean: _mean,
}  # fmt: skip
