"""What each aten op does, from the shapes it was called with.

This side knows nothing of the spec: every formula here is written again, from torch's semantics,
so that agreement with the analytic table is evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.count.row import Kind, conv_kind
from shufflenet_flops.spec import OpClass

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one op call; where it happened and what it moved is added by the tracer."""

    op: str
    kind: Kind
    counts: dict[OpClass, int]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    groups: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What an op's rule may ask about the call besides its arguments.

    `function` is the torch function that led to the op, `is_weight` tells parameters (and views
    of parameters) from activations.
    """

    function: str = ""
    is_weight: Callable[[Tensor], bool] = field(default=lambda tensor: False)


Rule = Callable[[Sequence[Any], Tensor, Context], Work]


def _convolution(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    x, weight, bias, stride, _, _, transposed, _, groups = args[:9]
    # weight is (c_out, c_in/g, *kernel), transposed (c_in, c_out/g, *kernel): each output element,
    # or input element of a transposed convolution, meets all but the first axis once.
    positions = x if transposed else y
    counts = {OpClass.CONV_MACS: positions.numel() * prod(weight.shape[1:])}
    if bias is not None:
        counts[OpClass.CONV_BIAS_ADDS] = y.numel()
    kernel = tuple(weight.shape[2:])
    name = f"conv{'_transpose' if transposed else ''}{len(kernel)}d"
    kind = conv_kind(x.shape[-len(kernel) - 1], kernel, groups)
    return Work(name, kind, counts, kernel, tuple(stride), groups)


def _matmul(a: Tensor, b: Tensor, bias: Any, y: Tensor, context: Context) -> Work:
    macs = y.numel() * a.shape[-1]
    if not (context.is_weight(a) or context.is_weight(b)):
        return Work("matmul", Kind.MATMUL, {OpClass.MATMUL_MACS: macs})
    counts = {OpClass.LINEAR_MACS: macs}
    if bias is not None:
        counts[OpClass.LINEAR_BIAS_ADDS] = y.numel()
    return Work("linear", Kind.LINEAR, counts)


def _mm(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    return _matmul(args[0], args[1], None, y, context)


def _addmm(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    return _matmul(args[1], args[2], args[0], y, context)


def _linear(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    return _matmul(args[0], args[1], args[2] if len(args) > 2 else None, y, context)


def _pool(kind: str) -> Rule:
    inputs, windows, outputs = (OpClass(f"{kind}_pool_{part}") for part in _POOL_PARTS)

    def rule(args: Sequence[Any], y: Tensor, context: Context) -> Work:
        kernel = _spread(args[1], y.dim() - 2)
        stride = _spread(args[2], y.dim() - 2) if len(args) > 2 and args[2] else kernel
        counts = {inputs: args[0].numel(), windows: y.numel() * prod(kernel), outputs: y.numel()}
        return Work(f"{kind}_pool{len(kernel)}d", Kind.POOL, counts, kernel, stride)

    return rule


_POOL_PARTS = ("inputs", "windows", "outputs")


def _spread(size: Sequence[int] | int, axes: int) -> tuple[int, ...]:
    """A window size as torch takes it: one number stands for all axes."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return sizes * axes if len(sizes) == 1 else sizes


def _global_pool(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    counts = {
        OpClass.GLOBAL_POOL_INPUTS: args[0].numel(),
        OpClass.GLOBAL_POOL_OUTPUTS: y.numel(),
    }
    return Work("adaptive_avg_pool2d", Kind.POOL, counts)


def _mean(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    # torch runs an adaptive pool to 1x1 as a mean; only the calling function tells them apart.
    if context.function.startswith("adaptive_avg_pool"):
        return _global_pool(args, y, context)
    counts = {OpClass.MEAN_INPUTS: args[0].numel(), OpClass.MEAN_OUTPUTS: y.numel()}
    return Work("mean", Kind.POOL, counts)


def _elements(op: str, kind: Kind, op_class: OpClass) -> Rule:
    def rule(args: Sequence[Any], y: Tensor, context: Context) -> Work:
        return Work(op, kind, {op_class: y.numel()})

    return rule


def _activation(op: str) -> Rule:
    return _elements(op, Kind.ACTIVATION, OpClass.ACTIVATION_ELEMENTS)


def _move(op: str) -> Rule:
    return _elements(op, Kind.MOVE, OpClass.MOVED_ELEMENTS)


def _hardtanh(args: Sequence[Any], y: Tensor, context: Context) -> Work:
    op = "relu6" if tuple(args[1:3]) == (0.0, 6.0) else "hardtanh"
    return Work(op, Kind.ACTIVATION, {OpClass.ACTIVATION_ELEMENTS: y.numel()})


_norm = _elements("batch_norm", Kind.NORM, OpClass.NORM_ELEMENTS)

RULES: dict[Any, Rule] = {
    aten.convolution: _convolution,
    aten.mm: _mm,
    aten.bmm: _mm,
    aten.addmm: _addmm,
    aten.linear: _linear,
    aten.native_batch_norm: _norm,
    aten._native_batch_norm_legit: _norm,
    aten._native_batch_norm_legit_no_training: _norm,
    aten.native_layer_norm: _elements("layer_norm", Kind.NORM, OpClass.NORM_ELEMENTS),
    aten.native_group_norm: _elements("group_norm", Kind.NORM, OpClass.NORM_ELEMENTS),
    aten.hardtanh: _hardtanh,
    aten.hardtanh_: _hardtanh,
    aten.max_pool2d_with_indices: _pool("max"),
    aten.avg_pool2d: _pool("avg"),
    aten._adaptive_avg_pool2d: _global_pool,
    aten.mean: _mean,
    aten.constant_pad_nd: _move("pad"),
    **{
        getattr(aten, name): _activation(name.rstrip("_"))
        for base in (
            "relu sigmoid silu hardswish hardsigmoid gelu elu leaky_relu tanh softplus mish".split()
        )
        for name in (base, base + "_")
        if hasattr(aten, name)
    },
    **{
        getattr(aten, name): _elements("add", Kind.ELEMENTWISE, OpClass.ADD_ELEMENTS)
        for name in ("add", "add_")
    },
    **{
        getattr(aten, name): _elements("mul", Kind.ELEMENTWISE, OpClass.MUL_ELEMENTS)
        for name in ("mul", "mul_")
    },
    **{getattr(aten, name): _move(name) for name in "clone cat stack copy_ _to_copy".split()},
}

# Ops that rename, describe or allocate without touching an element.
FREE = frozenset(
    getattr(aten, name)
    for name in (
        "alias as_strided chunk detach diagonal empty empty_like empty_strided expand lift_fresh "
        "movedim narrow permute reshape resize_ select slice split split_with_sizes squeeze "
        "sym_numel sym_size sym_stride t transpose unbind unsafe_split unfold unsqueeze view "
        "_reshape_alias _unsafe_view"
    ).split()
)
