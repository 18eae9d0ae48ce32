"""Norms, softmax, pools, and padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Formula, formulas, per_output

aten = torch.ops.aten

_BATCH_NORMS = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _batch_norm_no_update _batch_norm_with_update
    batch_norm_elemt cudnn_batch_norm miopen_batch_norm
    """
_PADS = """
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d
    """


def _softmax(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    work = work_of("softmax", y.numel())
    vectors = y.numel() // max(1, y.shape[args[1]]) if y.dim() else 1
    return work._replace(counts={**work.counts, OpClass.SOFTMAX_VECTORS: vectors})


def spread(size: Sequence[int] | int, axes: int) -> tuple[int, ...]:
    """A window size as torch takes it: one number stands for all axes."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return sizes * axes if len(sizes) == 1 else sizes


_Classes = tuple[OpClass, OpClass, OpClass]
_MAX: _Classes = (OpClass.MAX_POOL_INPUTS, OpClass.MAX_POOL_WINDOWS, OpClass.MAX_POOL_OUTPUTS)
_AVG: _Classes = (OpClass.AVG_POOL_INPUTS, OpClass.AVG_POOL_WINDOWS, OpClass.AVG_POOL_OUTPUTS)


def _pool(name: str, axes: int, classes: _Classes) -> Formula:
    inputs, windows, outputs = classes

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        kernel = spread(args[1], axes)
        stride = spread(args[2], axes) if args[2] else kernel
        counts = {inputs: args[0].numel(), windows: y.numel() * prod(kernel), outputs: y.numel()}
        return Work(f"{name}{axes}d", Kind.POOL, counts, kernel, stride)

    return formula


def _adaptive_max_pool(axes: int) -> Formula:
    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
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

    return formula


def _fractional_max_pool(axes: int) -> Formula:
    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        kernel = spread(args[1], axes)
        counts = dict(
            zip(_MAX, (args[0].numel(), y.numel() * prod(kernel), y.numel()), strict=True)
        )
        return Work(f"fractional_max_pool{axes}d", Kind.POOL, counts, kernel)

    return formula


def _adaptive_avg_pool(axes: int) -> Formula:
    """The global pool and its relatives of any output size."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        counts = {
            OpClass.GLOBAL_POOL_INPUTS: args[0].numel(),
            OpClass.GLOBAL_POOL_OUTPUTS: y.numel(),
        }
        return Work(f"adaptive_avg_pool{axes}d", Kind.POOL, counts)

    return formula


def _mean(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    # torch runs an adaptive pool to 1x1 as a mean; only the calling function tells them apart.
    function = context.function.partition(".")[0]  # `adaptive_avg_pool2d.default` in a graph
    if function.startswith("adaptive_avg_pool"):
        return _adaptive_avg_pool(int(function[-2]))(args, y, context)
    counts = {OpClass.MEAN_INPUTS: args[0].numel(), OpClass.MEAN_OUTPUTS: y.numel()}
    return Work("mean", Kind.POOL, counts)


FORMULAS: dict[Any, Formula] = {
    **formulas(_BATCH_NORMS, per_output("batch_norm")),
    **formulas("native_layer_norm", per_output("layer_norm")),
    **formulas("native_group_norm", per_output("group_norm")),
    **formulas("rms_norm _fused_rms_norm", per_output("rms_norm")),
    **formulas("softmax _softmax log_softmax _log_softmax _safe_softmax", _softmax),
    **formulas(_PADS, per_output("pad")),
    **formulas("max_unpool2d max_unpool3d", per_output("max_unpool")),
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
    aten.adaptive_avg_pool1d: _adaptive_avg_pool(1),
    aten._adaptive_avg_pool2d: _adaptive_avg_pool(2),
    aten._adaptive_avg_pool3d: _adaptive_avg_pool(3),
    aten.mean: _mean,
}
