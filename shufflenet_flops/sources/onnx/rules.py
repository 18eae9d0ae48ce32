"""What each ONNX operator does, from the shapes of its inputs and output.

Source: the operator specification of ONNX. What an operator is stands in the one table of ops; the
formulas here are written apart from the analytic side and from those for torch's ops, so that
agreement is evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.op_classes import NATURES, Work, work_of
from shufflenet_flops.counting.row import conv_kind
from shufflenet_flops.sources.onnx.attended import attention, packed_attention, rotary
from shufflenet_flops.sources.onnx.detection import roi_align, suppressed
from shufflenet_flops.sources.onnx.einsum import einsum
from shufflenet_flops.sources.onnx.experts import experts
from shufflenet_flops.sources.onnx.learned import distance, trees
from shufflenet_flops.sources.onnx.linear_attention import linear_attention, recurrence
from shufflenet_flops.sources.onnx.losses import cross_entropy, picked_loss
from shufflenet_flops.sources.onnx.matrices import determinant, inverse
from shufflenet_flops.sources.onnx.operand import (
    Attributes,
    Formula,
    Inputs,
    Operand,
    at,
    has,
)
from shufflenet_flops.sources.onnx.pools import global_max_pool, global_pool, pool, power_pool
from shufflenet_flops.sources.onnx.signals import fourier, short_time, spectrum
from shufflenet_flops.spec import OpClass, shape_text


def _conv(x: int, weight: int, bias: int | None, *, transposed: bool = False) -> Formula:
    """A convolution whose image, weight and bias are these inputs."""

    def formula(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        image, kernels = at(xs, x), at(xs, weight)
        # A weight is (c_out, c_in/g, *kernel), transposed (c_in, c_out/g, *kernel).
        positions = image if transposed else y
        counts = {OpClass.CONV_MACS: positions.elements * prod(kernels.shape[1:])}
        if bias is not None and has(xs, bias):
            counts[OpClass.CONV_BIAS_ADDS] = y.elements
        kernel = kernels.shape[2:]
        groups = int(attributes.get("group", 1))
        taken = kernels.shape[0] if transposed else kernels.shape[1] * groups
        if groups < 1 or taken != image.shape[1]:
            raise ValueError(
                f"its image has {image.shape[1]} channels, and its weight takes {taken} in "
                f"{groups} groups"
            )
        return Work(
            f"conv{'_transpose' if transposed else ''}{len(kernel)}d",
            conv_kind(image.shape[1], kernel, groups),
            counts,
            kernel,
            tuple(attributes.get("strides") or (1,) * len(kernel)),
            groups,
        )

    return formula


def _product(macs: int, a: Operand, b: Operand) -> Work:
    if a.is_weight or b.is_weight:
        return Work("linear", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})
    return Work("matmul", Kind.MATMUL, {OpClass.MATMUL_MACS: macs})


def _matmul(a: int, b: int) -> Formula:
    def formula(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        left, right = at(xs, a), at(xs, b)
        return _product(y.elements * left.shape[-1], left, right)

    return formula


def _gemm(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    a, b = at(xs, 0), at(xs, 1)
    work = _product(y.elements * a.shape[0 if attributes.get("transA") else 1], a, b)
    if not has(xs, 2):
        return work
    return work._replace(counts={**work.counts, OpClass.LINEAR_BIAS_ADDS: y.elements})


def _recurrent(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each step of each sequence meets the input weights and the recurrent weights once."""
    *batch, size = at(xs, 0).shape
    if size not in at(xs, 1).shape[1:]:
        raise ValueError(
            f"its input has {size} features, and its weight is {shape_text(at(xs, 1).shape)}"
        )
    steps = prod(batch)
    macs = steps * (at(xs, 1).elements + at(xs, 2).elements)
    return Work("recurrent", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})


def _quantize(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """The least and the greatest number, then every number in that range."""
    work = work_of("quantize_per_tensor", y.elements)
    return work._replace(counts={**work.counts, OpClass.REDUCTION_INPUTS: 2 * y.elements})


def _gated(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    work = work_of("silu", y.elements)
    return work._replace(counts={**work.counts, OpClass.MUL_ELEMENTS: y.elements})


def _mean(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    counts = {OpClass.MEAN_INPUTS: at(xs, 0).elements, OpClass.MEAN_OUTPUTS: y.elements}
    return Work("mean", Kind.POOL, counts)


def _sum(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    return work_of("add", (len(xs) - 1) * y.elements)


def _mean_of_tensors(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    counts = {**_sum(attributes, xs, y).counts, **work_of("div", y.elements).counts}
    return Work("mean", Kind.ELEMENTWISE, counts)


def _softmax(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    work = work_of("softmax", y.elements)
    vectors = y.elements // max(1, y.shape[attributes.get("axis", -1)]) if y.shape else 1
    return work._replace(counts={**work.counts, OpClass.SOFTMAX_VECTORS: vectors})


# Both an activation and a function of arithmetic are written as Clip; its bounds tell them apart.
_CLIPS: Mapping[Any, str] = {(0.0, 6.0): "relu6", (-1.0, 1.0): "hardtanh"}


def _clip(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    bounds = []
    for position, name in ((1, "min"), (2, "max")):  # attributes up to opset 10
        x = at(xs, position) if has(xs, position) else None
        values = x.values if x is not None else None
        bounds.append(values[0] if values else attributes.get(name))
    return work_of(_CLIPS.get((bounds[0], bounds[1]), "clamp"), y.elements)


def _reduction(op: str) -> Formula:
    return lambda attributes, xs, y: work_of(op, at(xs, 0).elements)


def _lookup(op: str) -> Formula:
    return lambda attributes, xs, y: work_of(op, y.elements, fetched=y.elements)


def _per_output(op: str) -> Formula:
    return lambda attributes, xs, y: work_of(op, y.elements)


def _named(formula: Formula, op: str) -> Formula:
    return lambda attributes, xs, y: formula(attributes, xs, y)._replace(op=op)


# Operators that do their unit of work for each element of the output, or are free.
OPS: Mapping[str, str] = MappingProxyType(
    dict(
        pair.split(":")
        for pair in """
        Abs:abs Acos:acos Acosh:acosh Add:add AffineGrid:affine_grid_generator And:logical_and
        Asin:asin Asinh:asinh Atan:atan Atanh:atanh BatchNormalization:batch_norm
        Bernoulli:bernoulli BitCast:alias BitShift:bitwise_left_shift BitwiseAnd:bitwise_and
        BitwiseNot:bitwise_not BitwiseOr:bitwise_or BitwiseXor:bitwise_xor Cast:_to_copy
        CastLike:alias Ceil:ceil Celu:celu CenterCropPad:pad Col2Im:col2im Compress:masked_select
        Concat:cat ConcatFromSequence:cat Constant:lift_fresh ConstantOfShape:full Cos:cos Cosh:cosh
        DepthToSpace:pixel_shuffle DequantizeLinear:dequantize Div:div Dropout:alias Elu:elu
        Equal:eq Erf:erf Exp:exp Expand:expand EyeLike:eye Flatten:reshape Floor:floor Gelu:gelu
        Greater:gt GreaterOrEqual:ge GridSample:grid_sampler GroupNorm:group_norm
        GroupNormalization:group_norm HardSigmoid:hardsigmoid HardSwish:hardswish Identity:alias
        ImageDecoder:full
        InstanceNormalization:instance_norm IsInf:isinf IsNaN:isnan LayerNormalization:layer_norm
        LeakyRelu:leaky_relu Less:lt LessOrEqual:le Log:log LpNormalization:lp_norm
        LRN:local_response_norm Max:maximum MaxUnpool:max_unpool
        MeanVarianceNormalization:mean_variance_norm Min:minimum Mish:mish Mod:remainder Mul:mul
        Multinomial:multinomial Neg:neg NonZero:nonzero Not:logical_not OneHot:one_hot
        Optional:alias OptionalGetElement:alias OptionalHasElement:alias Or:logical_or
        PackedWeight:alias Pad:pad
        Pow:pow PRelu:prelu QuantizeLinear:quantize_per_tensor RandomNormal:randn
        RandomNormalLike:randn_like RandomUniform:rand RandomUniformLike:rand_like Range:arange
        Reciprocal:reciprocal RegexFullMatch:alias Relu:relu Reshape:reshape Resize:interpolate
        ReverseSequence:flip RMSNormalization:rms_norm Round:round Scatter:scatter
        ScatterElements:scatter
        ScatterND:index_put Selu:selu SequenceAt:alias SequenceConstruct:alias SequenceEmpty:alias
        SequenceErase:alias SequenceInsert:alias SequenceLength:alias Shape:sym_size
        Shrink:hardshrink Sigmoid:sigmoid Sign:sign SimplifiedLayerNormalization:rms_norm Sin:sin
        Sinh:sinh Size:sym_numel Slice:slice Softplus:softplus Softsign:softsign
        SpaceToDepth:pixel_unshuffle Split:split SplitToSequence:split Sqrt:sqrt Squeeze:squeeze
        StringConcat:alias StringNormalizer:alias StringSplit:alias
        Sub:sub Swish:silu Tan:tan Tanh:tanh TensorScatter:slice_scatter ThresholdedRelu:threshold
        Tile:repeat Transpose:permute Trilu:tril Unpacked:alias Unsqueeze:unsqueeze
        Upsample:interpolate Where:where Xor:logical_xor
        """.split()
    )
)
_REDUCTIONS = {
    "ArgMax": "argmax",
    "ArgMin": "argmin",
    "CumProd": "cumprod",
    "CumSum": "cumsum",
    "Hardmax": "argmax",
    "ReduceL1": "norm",
    "ReduceL2": "norm",
    "ReduceLogSum": "sum",
    "ReduceLogSumExp": "logsumexp",
    "ReduceMax": "amax",
    "ReduceMin": "amin",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum",
    "TopK": "topk",
    "Unique": "unique_dim",
}
_LOOKUPS = {"Gather": "index_select", "GatherElements": "gather", "GatherND": "index"}

FREE = frozenset(name for name, op in OPS.items() if not NATURES[op].moves)
FORMULAS: Mapping[str, Formula] = {
    **{name: _per_output(op) for name, op in OPS.items() if name not in FREE},
    **{name: _reduction(op) for name, op in _REDUCTIONS.items()},
    **{name: _lookup(op) for name, op in _LOOKUPS.items()},
    "Clip": _clip,
    "Conv": _conv(0, 1, 2),
    "ConvInteger": _conv(0, 1, None),
    "QLinearConv": _conv(0, 3, 8),
    "DeformConv": _conv(0, 1, 3),
    "ConvTranspose": _conv(0, 1, 2, transposed=True),
    "MatMul": _matmul(0, 1),
    "MatMulInteger": _matmul(0, 1),
    "QLinearMatMul": _matmul(0, 3),
    "Gemm": _gemm,
    "Einsum": einsum,
    "Attention": attention,
    "LinearAttention": linear_attention,
    "Recurrence": recurrence,
    **dict.fromkeys(("RotaryEmbedding", "Rotary"), rotary),
    "DynamicQuantizeLinear": _quantize,
    "Reorder": _per_output("clone"),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "MaxPool": pool("max"),
    "AveragePool": pool("avg"),
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_max_pool,
    "LpPool": power_pool(windows=True),
    "GlobalLpPool": power_pool(windows=False),
    "RoiAlign": roi_align,
    "MaxRoiPool": _named(roi_align, "roi_pool"),
    "NonMaxSuppression": suppressed,
    "NegativeLogLikelihoodLoss": picked_loss,
    "SoftmaxCrossEntropyLoss": cross_entropy,
    "DFT": fourier,
    "STFT": short_time,
    "Spectrum": spectrum,
    "Windows": _per_output("clone"),
    "Vectorized": _per_output("full"),
    "PackedAttention": packed_attention,
    **{
        name: _named(_per_output("cos"), op)
        for name, op in (
            ("BlackmanWindow", "blackman_window"),
            ("HammingWindow", "hamming_window"),
            ("HannWindow", "hann_window"),
            ("MelWeightMatrix", "mel_weight_matrix"),
        )
    },
    "TfIdfVectorizer": _named(_per_output("bincount"), "tf_idf"),
    "Det": determinant,
    "Inverse": inverse,
    "MoE": experts,
    "CDist": distance,
    "SwiGLU": _gated,
    "Trees": trees,
    "IntegerSum": _reduction("sum"),
    **dict.fromkeys(("ReduceMean", "IntegerMean"), _mean),
    "Sum": _sum,
    "Mean": _mean_of_tensors,
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
}
# Operators of which values decide how much they give, and whose work is told by what they take.
SIZED_BY_VALUES = frozenset({"NonMaxSuppression", "Unique"})
# Operators whose further inputs are sizes, axes and bounds, which say what to do and are no data.
FIRST_INPUT_ONLY = frozenset(
    {"Clip", "ConstantOfShape", "CumSum", "Pad", "ReduceMean", "Resize", "Tile", "Trilu"}
    | {"Upsample", *_REDUCTIONS}
)
