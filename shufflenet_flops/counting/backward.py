"""Multiply-accumulates of a backward pass, from the rows of the forward pass."""

from __future__ import annotations

from shufflenet_flops.counting.row import CONV_KINDS, Kind, Row


def backward_macs(row: Row, *, input_grad: bool = True, weight_grad: bool = True) -> int:
    """MACs that one op's backward pass adds.

    Every product of the forward pass, w·x, comes back once as w·dy in the gradient of the input
    and once as x·dy in that of the weight; each is as much work as the forward pass, grouped,
    strided, dilated or transposed. A matrix product of two activations has two inputs and no
    weight. The first layer of a network needs no `input_grad`, a frozen one no `weight_grad`.
    """
    if row.kind in CONV_KINDS or row.kind is Kind.LINEAR:
        return row.macs * (input_grad + weight_grad)
    return row.macs * 2 * input_grad
