"""What each ONNX operator does, from the shapes of its inputs and output.

Source: the operator specification of ONNX. Written apart from the analytic side and from the rules
for torch's ops, so that agreement is evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.row import IntShape, conv_kind
from shufflenet_flops.spec import OpClass

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operand:
    """One input or output of a node; `is_weight` where only initializers went into it."""

    shape: IntShape
    itemsize: int
    is_weight: bool = False

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Work:
    """What one node does; the reader adds where it is and what it moves."""

    op: str
    kind: Kind
    counts: dict[OpClass, int]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    groups: int | None = None


Inputs = Sequence[Operand | None]  # None for an optional input that is left out
Rule = Callable[[Attributes, Inputs, Operand], Work]


def _at(xs: Inputs, index: int) -> Operand:
    x = xs[index]
    if x is None:
        raise ValueError(f"input {index} is missing")
    return x


def _has(xs: Inputs, index: int) -> bool:
    return index < len(xs) and xs[index] is not None


def _conv(x: int, weight: int, bias: int | None, *, transposed: bool = False) -> Rule:
    """A convolution whose image, weight and bias are these inputs."""

    def rule(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        image, kernels = _at(xs, x), _at(xs, weight)
        # A weight is (c_out, c_in/g, *kernel), transposed (c_in, c_out/g, *kernel).
        positions = image if transposed else y
        counts = {OpClass.CONV_MACS: positions.elements * prod(kernels.shape[1:])}
        if bias is not None and _has(xs, bias):
            counts[OpClass.CONV_BIAS_ADDS] = y.elements
        kernel = kernels.shape[2:]
        groups = int(attributes.get("group", 1))
        return Work(
            f"conv{'_transpose' if transposed else ''}{len(kernel)}d",
            conv_kind(image.shape[1], kernel, groups),
            counts,
            kernel,
            tuple(attributes.get("strides") or (1,) * len(kernel)),
            groups,
        )

    return rule


def _product(macs: int, a: Operand, b: Operand) -> Work:
    if a.is_weight or b.is_weight:
        return Work("linear", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})
    return Work("matmul", Kind.MATMUL, {OpClass.MATMUL_MACS: macs})


def _matmul(a: int, b: int) -> Rule:
    def rule(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        left, right = _at(xs, a), _at(xs, b)
        return _product(y.elements * left.shape[-1], left, right)

    return rule


def _gemm(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    a, b = _at(xs, 0), _at(xs, 1)
    work = _product(y.elements * a.shape[0 if attributes.get("transA") else 1], a, b)
    if _has(xs, 2):
        work.counts[OpClass.LINEAR_BIAS_ADDS] = y.elements
    return work


def _einsum(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Two operands without an ellipsis: one multiply-accumulate per combination of its indices."""
    left = attributes["equation"].replace(" ", "").partition("->")[0]
    terms = left.split(",")
    a, b = _at(xs, 0), _at(xs, 1)
    if len(xs) != 2 or "." in left:
        raise NotImplementedError
    sizes = {
        index: size
        for term, x in zip(terms, (a, b), strict=True)
        for index, size in zip(term, x.shape, strict=True)
    }
    return _product(prod(sizes.values()), a, b)


def _recurrent(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Each step of each sequence meets the input weights and the recurrent weights once."""
    steps = prod(_at(xs, 0).shape[:2])
    macs = steps * (_at(xs, 1).elements + _at(xs, 2).elements)
    return Work("recurrent", Kind.LINEAR, {OpClass.LINEAR_MACS: macs})


def _pool(kind: str) -> Rule:
    inputs, windows, outputs = (
        OpClass(f"{kind}_pool_{part}") for part in ("inputs", "windows", "outputs")
    )

    def rule(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
        kernel = tuple(attributes["kernel_shape"])
        counts = {
            inputs: _at(xs, 0).elements,
            windows: y.elements * prod(kernel),
            outputs: y.elements,
        }
        stride = tuple(attributes.get("strides") or (1,) * len(kernel))
        return Work(f"{kind}_pool{len(kernel)}d", Kind.POOL, counts, kernel, stride)

    return rule


def _global_pool(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    counts = {
        OpClass.GLOBAL_POOL_INPUTS: _at(xs, 0).elements,
        OpClass.GLOBAL_POOL_OUTPUTS: y.elements,
    }
    return Work("global_avg_pool", Kind.POOL, counts)


def _mean(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    counts = {OpClass.MEAN_INPUTS: _at(xs, 0).elements, OpClass.MEAN_OUTPUTS: y.elements}
    return Work("mean", Kind.POOL, counts)


def _reduction(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    return Work("reduce", Kind.REDUCTION, {OpClass.REDUCTION_INPUTS: _at(xs, 0).elements})


def _sum(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    return Work("add", Kind.ELEMENTWISE, {OpClass.ADD_ELEMENTS: (len(xs) - 1) * y.elements})


def _each(kind: Kind, op_class: OpClass, names: str) -> dict[str, Rule]:
    """Operators that do one thing per output element."""

    def one(name: str) -> Rule:
        op = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        return lambda attributes, xs, y: Work(op, kind, {op_class: y.elements})

    return {name: one(name) for name in names.split()}


RULES: Mapping[str, Rule] = {
    "Conv": _conv(0, 1, 2),
    "ConvInteger": _conv(0, 1, None),
    "QLinearConv": _conv(0, 3, 8),
    "ConvTranspose": _conv(0, 1, 2, transposed=True),
    "MatMul": _matmul(0, 1),
    "MatMulInteger": _matmul(0, 1),
    "QLinearMatMul": _matmul(0, 3),
    "Gemm": _gemm,
    "Einsum": _einsum,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "MaxPool": _pool("max"),
    "AveragePool": _pool("avg"),
    "GlobalAveragePool": _global_pool,
    "ReduceMean": _mean,
    "Sum": _sum,
    **dict.fromkeys(
        (
            "ArgMax ArgMin CumSum GlobalMaxPool ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
            "ReduceMax ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK"
        ).split(),
        _reduction,
    ),
    **_each(
        Kind.NORM,
        OpClass.NORM_ELEMENTS,
        "BatchNormalization GroupNormalization InstanceNormalization LayerNormalization "
        "LpNormalization MeanVarianceNormalization RMSNormalization",
    ),
    **_each(
        Kind.ACTIVATION,
        OpClass.ACTIVATION_ELEMENTS,
        "Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Sigmoid Softplus "
        "Softsign Swish Tanh ThresholdedRelu",
    ),
    **_each(Kind.ACTIVATION, OpClass.SOFTMAX_ELEMENTS, "LogSoftmax Softmax"),
    **_each(Kind.ELEMENTWISE, OpClass.ADD_ELEMENTS, "Add Sub"),
    **_each(Kind.ELEMENTWISE, OpClass.MUL_ELEMENTS, "Div Mul"),
    **_each(
        Kind.ELEMENTWISE,
        OpClass.ELEMENTWISE_ELEMENTS,
        "Abs And Ceil Cos Equal Erf Exp Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual "
        "Log Max Mean Min Mod Neg Not Or Pow Reciprocal Round Sign Sin Sqrt Tan Where Xor "
        "QuantizeLinear DequantizeLinear",
    ),
    **_each(Kind.RESAMPLE, OpClass.INTERPOLATED_ELEMENTS, "GridSample Resize Upsample"),
    **_each(
        Kind.MOVE,
        OpClass.MOVED_ELEMENTS,
        "Cast Concat DepthToSpace Expand Gather GatherElements GatherND OneHot Pad ScatterElements "
        "ScatterND Slice SpaceToDepth Split Tile Transpose Trilu",
    ),
}

# Operators that rename, describe or make without work on what flows through the network.
FREE = frozenset(
    "CastLike Constant ConstantOfShape Dropout EyeLike Flatten Identity Range Reshape Shape Size "
    "Squeeze Unsqueeze".split()
)
