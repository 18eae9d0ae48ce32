"""Work per element: arithmetic, activations, reductions, and ops that only move or fill memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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
        if op in ("max", "min") and len(args) > 1 and isinstance(args[1], Tensor):
            return work_of(f"{op}imum", y.numel())._replace(op=op)
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


def _embedding_renorm(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    table, indices = args[:2]
    fetched = indices.numel() * table.shape[-1]
    return work_of("embedding_renorm", fetched, fetched)


def _hardtanh(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    op = "relu6" if tuple(args[1:3]) == (0.0, 6.0) else "hardtanh"
    return work_of(op, y.numel())


def _distance(op: str) -> Formula:
    """Of each pair of vectors, every element looked at."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return work_of(op, y.numel() * args[0].shape[-1])

    return formula


def _picked_loss(op: str) -> Formula:
    """Looks up one element for each target."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return work_of(op, args[1].numel(), fetched=args[1].numel())

    return formula


def _substitution(op: str) -> Formula:
    """Forward or backward substitution: n squared operations for each solution of n unknowns."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        matrix = args[1 if op == "triangular_solve" else 0]
        return work_of(op, y.numel() * matrix.shape[-1])

    return formula


def _ctc_loss(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
    """A cell for each time and each place in the target, between whose labels are blanks."""
    times, batch = args[0].shape[:2]
    return work_of("_ctc_loss", times * (2 * args[1].numel() + batch))


def _fft(op: str) -> Formula:
    """Five real additions and multiplications a point and halving, of the radix-2 algorithm.

    Lengths between powers of two take the steps of the next one. Real signals take half of it.
    """

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        signal = y if op == "_fft_c2r" else args[0]
        halvings = sum((signal.shape[axis] - 1).bit_length() for axis in args[1])
        steps = 5 * signal.numel() * halvings
        return work_of(op, steps if op == "_fft_c2c" else steps // 2)

    return formula


FORMULAS: dict[Any, Formula] = {
    **by_name(ops_of(*_PER_OUTPUT), per_output),
    **by_name(ops_of(OpClass.REDUCTION_INPUTS), _reduction),
    **by_name(_LOOKUPS.split(), _lookup),
    **formulas("embedding_bag _embedding_bag _embedding_bag_forward_only", _embedding_bag),
    **formulas("embedding_renorm", _embedding_renorm),
    **formulas("hardtanh", _hardtanh),
    **by_name("_cdist_forward _euclidean_dist _pdist_forward".split(), _distance),
    **by_name("nll_loss nll_loss_forward nll_loss2d nll_loss2d_forward".split(), _picked_loss),
    **by_name("linalg_solve_triangular triangular_solve".split(), _substitution),
    **formulas("_ctc_loss", _ctc_loss),
    **by_name("_fft_c2c _fft_c2r _fft_r2c".split(), _fft),
}
# Those that torch's own decompositions call, as in forward-mode derivatives, under the same names.
PRIMS: Mapping[str, Formula] = MappingProxyType(
    {f"prims.{packet.__name__}": formula for packet, formula in FORMULAS.items()}
)
