"""Work per element: arithmetic, activations, reductions, and ops that only move or fill memory."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from shufflenet_flops.counting.op_classes import Work, ops_of, work_of
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.rules.work import Context, Formula, by_name, formulas, per_output

_PER_OUTPUT = (
    OpClass.ADD_ELEMENTS,
    OpClass.MUL_ELEMENTS,
    OpClass.ELEMENTWISE_ELEMENTS,
    OpClass.ACTIVATION_ELEMENTS,
    OpClass.INTERPOLATED_ELEMENTS,
    OpClass.MOVED_ELEMENTS,
)
# They read of their first argument only what they fetch.
_LOOKUPS = """
    embedding gather index index_select masked_select take take_along_dim _unsafe_index
    _unsafe_masked_index
    """


def _reduction(op: str) -> Formula:
    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        if len(args) > 1 and isinstance(args[1], Tensor):  # of two tensors, as `maximum`
            return work_of("maximum", y.numel())._replace(op=op.strip("_"))
        return work_of(op, args[0].numel())

    return formula


def _lookup(op: str) -> Formula:
    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return work_of(op, y.numel(), fetched=y.numel())

    return formula


def _embedding_bag(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    table, indices = args[:2]
    fetched = indices.numel() * table.shape[-1]
    return work_of("embedding_bag", fetched, fetched)


def _hardtanh(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    op = "relu6" if tuple(args[1:3]) == (0.0, 6.0) else "hardtanh"
    return work_of(op, y.numel())


FORMULAS: dict[Any, Formula] = {
    **by_name(ops_of(*_PER_OUTPUT), per_output),
    **by_name(ops_of(OpClass.REDUCTION_INPUTS), _reduction),
    **by_name(_LOOKUPS.split(), _lookup),
    **formulas("embedding_bag _embedding_bag _embedding_bag_forward_only", _embedding_bag),
    **formulas("hardtanh", _hardtanh),
}
