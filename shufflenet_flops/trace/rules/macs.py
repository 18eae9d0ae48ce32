"""Ops that multiply and accumulate: convolutions, matrix products, attention, recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.counting.causal import later_pairs
from shufflenet_flops.counting.op_classes import Work
from shufflenet_flops.counting.row import Kind, conv_kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Formula, formulas

Args = tuple[Any, ...]
Counts = dict[OpClass, int]


def _convolution(args: Args, y: Tensor, context: Context) -> Work:
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


def _conv_tbc(args: Args, y: Tensor, context: Context) -> Work:
    x, weight = args[:2]  # (time, batch, c_in) and (kernel, c_in, c_out)
    kernel = (weight.shape[0],)
    counts = {
        OpClass.CONV_MACS: y.numel() * prod(weight.shape[:2]),
        OpClass.CONV_BIAS_ADDS: y.numel(),
    }
    return Work("conv1d", conv_kind(x.shape[-1], kernel, 1), counts, kernel, (1,), 1)


def _product(
    a: Tensor, b: Tensor, bias: Tensor | None, macs: int, y: Tensor, context: Context
) -> Work:
    """A fully connected layer where it was asked for, or where one factor is a weight."""
    if not (context.function == "linear" or context.is_weight(a) or context.is_weight(b)):
        return Work("matmul", Kind.MATMUL, {OpClass.MATMUL_MACS: macs})
    counts = {OpClass.LINEAR_MACS: macs}
    if bias is not None:
        counts[OpClass.LINEAR_BIAS_ADDS] = y.numel()
    return Work("linear", Kind.LINEAR, counts)


def _mm(args: Args, y: Tensor, context: Context) -> Work:
    a, b = args[:2]
    return _product(a, b, None, y.numel() * a.shape[-1], y, context)


def _addmm(args: Args, y: Tensor, context: Context) -> Work:
    bias, a, b = args[:3]
    return _product(a, b, bias, y.numel() * a.shape[-1], y, context)


def _addbmm(args: Args, y: Tensor, context: Context) -> Work:
    bias, a, b = args[:3]  # the products of all pairs, summed
    return _product(a, b, bias, a.numel() * b.shape[-1], y, context)


def _grouped_mm(args: Args, y: Tensor, context: Context) -> Work:
    """Each row, column or summed position belongs to one group, as in a mixture of experts."""
    a, b = args[:2]
    summed_in_groups = a.dim() == b.dim() == 2
    macs = a.numel() * b.shape[-1] if summed_in_groups else y.numel() * a.shape[-1]
    return _product(a, b, args[3], macs, y, context)


def _dot(args: Args, y: Tensor, context: Context) -> Work:
    return _product(args[0], args[1], None, args[0].numel(), y, context)


def _outer(args: Args, y: Tensor, context: Context) -> Work:
    return _product(args[-2], args[-1], None, y.numel(), y, context)


def _addr(args: Args, y: Tensor, context: Context) -> Work:
    return _product(args[1], args[2], args[0], y.numel(), y, context)


def _linear(args: Args, y: Tensor, context: Context) -> Work:
    counts = {OpClass.LINEAR_MACS: y.numel() * args[1].shape[-1]}
    if args[2] is not None:
        counts[OpClass.LINEAR_BIAS_ADDS] = y.numel()
    return Work("linear", Kind.LINEAR, counts)


def _trilinear(args: Args, y: Tensor, context: Context) -> Work:
    """Sums of products of three tensors: the first two meet, then the third.

    Axes that the third has not are summed when the first two meet.
    """
    factors, expands, summed = args[:3], args[3:6], args[6]
    shapes = []
    for factor, expand in zip(factors, expands, strict=True):
        sizes = list(factor.shape)
        for axis in expand:
            sizes.insert(axis, 1)
        shapes.append(sizes)
    whole = torch.broadcast_shapes(*shapes)
    early = [axis for axis in summed if axis in expands[2]]
    between = prod(whole) // max(1, prod(whole[axis] for axis in early))
    macs = (prod(whole) if early else 0) + (between if len(early) < len(summed) else 0)
    return Work("bilinear", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})


def attention_counts(query: Sequence[int], key: Sequence[int], value: Sequence[int]) -> Counts:
    """Work on shapes (..., heads, length, size): scores, softmax, weighted sum of the values.

    Masks, causal or not, save nothing here: the count is that of the two full matrix products, for
    every batch and head that any of the three has.
    """
    leading = zip_longest(*(shape[-3::-1] for shape in (query, key, value)), fillvalue=1)
    times = prod(max(sizes) for sizes in leading)
    scores, width = times * query[-2] * key[-2], query[-1] + value[-1]
    return {
        OpClass.MATMUL_MACS: scores * width,
        OpClass.LATER_MACS: times * later_pairs(query[-2], key[-2]) * width,
        OpClass.SOFTMAX_ELEMENTS: scores,
    }


def _scaled_dot_product(args: Args, y: Tensor, context: Context) -> Work:
    counts = attention_counts(*(tensor.shape for tensor in args[:3]))
    return Work("scaled_dot_product_attention", Kind.MATMUL, counts)


def _flash_attention(args: Args, y: Tensor, context: Context) -> Work:
    """The kernels below take (batch, length, heads, size)."""
    shapes = [(*x.shape[:-3], x.shape[-2], x.shape[-3], x.shape[-1]) for x in args[:3]]
    return Work("scaled_dot_product_attention", Kind.MATMUL, attention_counts(*shapes))


def _self_attention(x: Tensor, key: Tensor, value: Tensor, width: int, heads: int) -> Counts:
    """Projections of queries, keys and values, attention, and the output projection."""
    batch, length = x.shape[:2]
    sources = key.shape[1]
    rows = 2 * x.numel() + key.numel() + value.numel()
    shape = (batch, heads, length, width // heads)
    others = (batch, heads, sources, width // heads)
    return {
        OpClass.LINEAR_MACS: rows * width,
        OpClass.LINEAR_BIAS_ADDS: rows,
        **attention_counts(shape, others, others),
    }


def _multi_head(args: Args, y: Tensor, context: Context) -> Work:
    counts = _self_attention(*args[:5])
    return Work("multi_head_attention", Kind.MATMUL, counts)


def _encoder_layer(args: Args, y: Tensor, context: Context) -> Work:
    x, width, heads = args[:3]
    hidden = args[14].shape[0]
    tokens = x.numel() // width
    counts = _self_attention(x, x, x, width, heads)
    counts[OpClass.LINEAR_MACS] += 2 * tokens * width * hidden
    counts[OpClass.LINEAR_BIAS_ADDS] += tokens * (hidden + width)
    counts |= {
        OpClass.NORM_ELEMENTS: 2 * x.numel(),
        OpClass.ADD_ELEMENTS: 2 * x.numel(),
        OpClass.ACTIVATION_ELEMENTS: tokens * hidden,
    }
    return Work("transformer_encoder_layer", Kind.MATMUL, counts)


_Weights = tuple[Sequence[Tensor], Sequence[Tensor]]  # matrices and biases


def _by_rank(args: Args) -> _Weights:
    return [w for w in args[1] if w.dim() == 2], [w for w in args[1] if w.dim() == 1]


def _of_mkldnn(args: Args) -> _Weights:
    """Without biases, it is given zeros shaped like the matrices in their place."""
    return args[1:3], args[3:5] if args[12] else ()


def _recurrent(weights: Callable[[Args], _Weights]) -> Formula:
    """Every step multiplies by each weight matrix once."""

    def formula(args: Args, y: Tensor, context: Context) -> Work:
        steps = args[0].numel() // args[0].shape[-1]  # length x batch
        matrices, vectors = weights(args)
        gates = sum(matrix.shape[0] for matrix in matrices) // 2
        counts = {
            OpClass.LINEAR_MACS: steps * sum(matrix.numel() for matrix in matrices),
            OpClass.ACTIVATION_ELEMENTS: steps * gates,
        }
        if vectors:
            counts[OpClass.LINEAR_BIAS_ADDS] = steps * sum(vector.numel() for vector in vectors)
        return Work("rnn", Kind.LINEAR, counts)

    return formula


FORMULAS: dict[Any, Formula] = {
    **formulas("convolution convolution_overrideable _convolution", _convolution),
    **formulas("conv_tbc", _conv_tbc),
    **formulas("mm bmm mv matmul _int_mm _scaled_mm", _mm),
    **formulas("addmm baddbmm addmv _addmm_activation", _addmm),
    **formulas("addbmm", _addbmm),
    **formulas("_grouped_mm", _grouped_mm),
    **formulas("dot vdot", _dot),
    **formulas("outer ger", _outer),
    **formulas("addr", _addr),
    **formulas("linear mkldnn_linear", _linear),
    **formulas("_trilinear", _trilinear),
    **formulas(
        """
        _scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu
        _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
        _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable
        _scaled_dot_product_attention_math_for_mps scaled_dot_product_attention
        """,
        _scaled_dot_product,
    ),
    **formulas("_flash_attention_forward _efficient_attention_forward", _flash_attention),
    **formulas("_native_multi_head_attention", _multi_head),
    **formulas("_transformer_encoder_layer_fwd", _encoder_layer),
    **formulas("mkldnn_rnn_layer", _recurrent(_of_mkldnn)),
    **formulas("_cudnn_rnn miopen_rnn", _recurrent(_by_rank)),
}
