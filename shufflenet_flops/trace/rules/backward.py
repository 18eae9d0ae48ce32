"""Ops of a backward pass that multiply and accumulate; all others are counted as what they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor

from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind, conv_kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.macs import attention_counts
from shufflenet_flops.trace.rules.work import Context, Formula, formulas


def _convolution(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """Each gradient that is asked for, of the input and of the weight, is as much as forward."""
    dy, x, weight = args[:3]
    transposed, groups, wanted = args[7], args[9], args[10]
    positions = x if transposed else dy
    macs = positions.numel() * prod(weight.shape[1:]) * sum(wanted[:2])
    kernel = tuple(weight.shape[2:])
    kind = conv_kind(x.shape[-len(kernel) - 1], kernel, groups)
    return Work("conv_backward", kind, {OpClass.CONV_MACS: macs}, kernel, tuple(args[4]), groups)


def _conv_tbc(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    dy, x, weight = args[:3]
    macs = 2 * dy.numel() * prod(weight.shape[:2])
    kind = conv_kind(x.shape[-1], tuple(weight.shape[:1]), 1)
    return Work("conv_backward", kind, {OpClass.CONV_MACS: macs})


Shape = Sequence[int]


def gradient_products(
    query: Shape, key: Shape, value: Shape, wanted: Sequence[bool]
) -> tuple[int, int]:
    """MACs of the gradients of attention that are `wanted`, and of the scores alone.

    Of shapes (..., heads, length, size). With the weights P of the values v, which are the softmax
    of the scores S = q·k, they are Pᵀ·dy for v, and dP = dy·vᵀ, on which those of q, of k, and of a
    mask that is added to S, stand: dS·k and dSᵀ·q.
    """
    into_query, into_key, into_value, into_mask = wanted
    each = attention_counts(query, key, value)[OpClass.SOFTMAX_ELEMENTS]
    through = into_query or into_key or into_mask
    macs = each * (value[-1] * (into_value + through) + query[-1] * (into_query + into_key))
    return macs, each * query[-1]


def _attention(heads_last: bool) -> Formula:
    """Two gradients for each of the two products, and the first product again: 5 in all."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        shapes = [tuple(x.shape) for x in args[1:4]]
        if heads_last:
            shapes = [(*s[:-3], s[-2], s[-3], s[-1]) for s in shapes]
        query, key, value = shapes
        macs, scores = gradient_products(query, key, value, (True, True, True, False))
        counts = {OpClass.MATMUL_MACS: macs + scores}
        return Work("attention_backward", Kind.MATMUL, counts)

    return formula


def _lstm(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """Two gradients for each product of each step."""
    x, matrices = args[0], args[1:3]
    steps = x.numel() // x.shape[-1]
    macs = 2 * steps * sum(matrix.numel() for matrix in matrices)
    return Work("rnn_backward", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})


FORMULAS: dict[Any, Formula] = {
    **formulas("convolution_backward convolution_backward_overrideable", _convolution),
    **formulas("conv_tbc_backward", _conv_tbc),
    **formulas("mkldnn_rnn_layer_backward", _lstm),
    **formulas("_flash_attention_backward _efficient_attention_backward", _attention(True)),
    **formulas(
        """
        _scaled_dot_product_flash_attention_for_cpu_backward
        _scaled_dot_product_flash_attention_backward _scaled_dot_product_cudnn_attention_backward
        _scaled_dot_product_efficient_attention_backward
        _scaled_dot_product_fused_attention_overrideable_backward
        """,
        _attention(False),
    ),
}
