"""Determinants and inverses of square matrices, by elimination."""

from __future__ import annotations

from shufflenet_flops.counting.op_classes import Work, work_of
from shufflenet_flops.sources.onnx.operand import Attributes, Inputs, Operand, at


def determinant(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Elimination, and the product of the diagonal.

    Of n rows the k that are left take k quotients and k squared products that are taken off.
    """
    n = at(xs, 0).shape[-1]
    left = (n - 1) * n // 2 + (n - 1) * n * (2 * n - 1) // 6
    return work_of("det", y.elements * (left + n - 1))


def inverse(attributes: Attributes, xs: Inputs, y: Operand) -> Work:
    """Elimination of each of n columns from all n rows."""
    return work_of("inverse", y.elements * y.shape[-1])
