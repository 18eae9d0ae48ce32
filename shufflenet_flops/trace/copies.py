"""Copies that torch makes because of the batch or of a kernel, which are none of the model's.

A kernel multiplies plain matrices, or a batch of them. An operand whose batch and heads cannot be
seen as one axis is copied first, and with a batch of one it can. So such a copy is not counted, and
the kernel reads what its function was called with. Nor is a copy counted that a change of shape
needs for several images and for one of them does not: memory access is linear in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import ref

import torch
from torch import Tensor

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.trace.arguments import META
from shufflenet_flops.trace.facts import Facts, distinct_elements
from shufflenet_flops.trace.state import State

# Functions that bring their operands into shape for a kernel.
PREPARING = frozenset(
    """
    matmul __matmul__ __rmatmul__ einsum tensordot inner bilinear linear group_norm instance_norm
    layer_norm multi_head_attention_forward scaled_dot_product_attention lstm gru rnn_tanh rnn_relu
    """.split()
)
# Functions that copy only where a view does not do.
RESHAPING = frozenset("contiguous flatten ravel reshape reshape_as".split())
_PRODUCTS = (Kind.LINEAR, Kind.MATMUL)
_NO_COPY: tuple[Callable[[], Any], int] = (lambda: None, 0)


class Preparation:
    """One call of a function of `PREPARING`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._copies: dict[int, tuple[ref[Any], int]] = {}  # with the bytes added, by their address
        self._of_weights: set[int] = set()

    def whole(self, facts: Facts, operands: Iterable[Tensor], out: Any) -> Facts | None:
        """What an op within the call does where nothing is copied; None for a copy."""
        if facts.work[0] == "clone":
            (source,) = operands
            added = (out.numel() - distinct_elements(source)) * out.element_size()
            storage = out.untyped_storage()
            self._copies[storage._cdata] = ref(storage), added
            if source in self._state:
                self._state.stand_in(source, out)
                self._of_weights.add(storage._cdata)
            return None
        if not self._copies or facts.work[1] not in _PRODUCTS:
            return facts
        read, *moved = facts.moved
        for operand in operands:
            storage = operand.untyped_storage()
            copy, added = self._copies.get(storage._cdata, _NO_COPY)
            if copy() is storage:  # and no other has its address by now
                read -= added
        return facts._replace(moved=(read, *moved))

    def end(self) -> None:
        """Let go of the copies, which have served."""
        if self._of_weights:
            self._state.release(self._of_weights)
        self._copies.clear()


def only_for_the_batch(x: Tensor, y: Tensor, batch: int) -> bool:
    """Whether a change of the shape or order of x to y would be a view for the first image alone.

    The batch is the first axis of both, in y perhaps with others; or the second, after one that
    both share, as queries, keys and values in one tensor have it.
    """
    if batch < 2 or not (x.dim() and y.dim()):
        return False
    axis = 0
    if x.shape[0] % batch and x.shape[0] == y.shape[0] and min(x.dim(), y.dim()) > 1:
        axis = 1
    if x.shape[axis] != batch or y.shape[axis] % batch:
        return False
    one = torch.empty_strided(_of_one(x.shape, axis, batch), x.stride(), device=META)
    if x.shape == y.shape:
        return one.is_contiguous()
    try:
        one.view(_of_one(y.shape, axis, batch))
    except RuntimeError:
        return False
    return True


def _of_one(shape: Sequence[int], axis: int, batch: int) -> tuple[int, ...]:
    return (*shape[:axis], shape[axis] // batch, *shape[axis + 1 :])
