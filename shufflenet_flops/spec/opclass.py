"""The classes of work an op can do, and the kinds of layers that networks are made of."""

from __future__ import annotations

from enum import StrEnum

from shufflenet_flops.spec.numbers import Number, is_equal


class OpClass(StrEnum):
    """One kind of countable work. A row says how much of each it holds, never what it is worth."""

    CONV_MACS = "conv_macs"
    LINEAR_MACS = "linear_macs"
    MATMUL_MACS = "matmul_macs"
    # Of these, those of attention between a query and a key after it.
    LATER_MACS = "later_macs"
    CONV_BIAS_ADDS = "conv_bias_adds"
    LINEAR_BIAS_ADDS = "linear_bias_adds"
    NORM_ELEMENTS = "norm_elements"
    ACTIVATION_ELEMENTS = "activation_elements"
    ADD_ELEMENTS = "add_elements"
    MUL_ELEMENTS = "mul_elements"
    # Every other arithmetic, comparison or choice, element by element.
    ELEMENTWISE_ELEMENTS = "elementwise_elements"
    SOFTMAX_ELEMENTS = "softmax_elements"
    SOFTMAX_VECTORS = "softmax_vectors"  # each of which adds up to 1
    # A pool reads `inputs`, writes `outputs`, and looks at `windows` elements on the way
    # (outputs x kernel area; for a global pool that is the inputs again).
    MAX_POOL_INPUTS = "max_pool_inputs"
    MAX_POOL_WINDOWS = "max_pool_windows"
    MAX_POOL_OUTPUTS = "max_pool_outputs"
    AVG_POOL_INPUTS = "avg_pool_inputs"
    AVG_POOL_WINDOWS = "avg_pool_windows"
    AVG_POOL_OUTPUTS = "avg_pool_outputs"
    GLOBAL_POOL_INPUTS = "global_pool_inputs"
    GLOBAL_POOL_OUTPUTS = "global_pool_outputs"
    # A mean that is not written as a pool.
    MEAN_INPUTS = "mean_inputs"
    MEAN_OUTPUTS = "mean_outputs"
    # Any other reduction: sum, variance, maximum, cumulative sum, sort.
    REDUCTION_INPUTS = "reduction_inputs"
    INTERPOLATED_ELEMENTS = "interpolated_elements"
    MOVED_ELEMENTS = "moved_elements"


class Kind(StrEnum):
    """What a layer is to a network designer; the unit in which papers state shares."""

    DENSE_CONV = "dense conv"
    POINTWISE_CONV = "pointwise conv"
    GROUPED_POINTWISE_CONV = "grouped pointwise conv"
    GROUPED_CONV = "grouped conv"
    DEPTHWISE_CONV = "depthwise conv"
    LINEAR = "linear"
    MATMUL = "matmul"
    NORM = "norm"
    ACTIVATION = "activation"
    POOL = "pool"
    REDUCTION = "reduction"
    RESAMPLE = "resample"
    ELEMENTWISE = "element-wise"
    MOVE = "move"


def conv_kind(c_in: Number, kernel: tuple[Number, ...], groups: Number) -> Kind:
    """The kind of a convolution of `c_in` channels with this kernel and number of groups."""
    pointwise = all(is_equal(size, 1) for size in kernel)
    if is_equal(groups, 1):
        return Kind.POINTWISE_CONV if pointwise else Kind.DENSE_CONV
    if is_equal(groups, c_in):
        return Kind.DEPTHWISE_CONV
    return Kind.GROUPED_POINTWISE_CONV if pointwise else Kind.GROUPED_CONV
