"""The cost model of torch's own counter over a training step.

It sees the gradients of what it sees forward. Read from `torch.utils.flop_counter`, which is the
same from torch 2.9 to 2.14: the gradient of a convolution's weight is counted as if the
convolution had no groups, and so once for each group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from shufflenet_flops.counters.cost_model import (
    CostRule,
    Part,
    as_it_ran,
    is_attention,
    row_parts,
)
from shufflenet_flops.counters.miscounts import Miscount, miscounts
from shufflenet_flops.counters.torch_flops import TorchFlops, unfused_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.backward import BackwardRow, Purpose
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.trace import Trace

FORWARD, BACKWARD = "forward", "backward"
FORGOTTEN_GROUPS = "forgotten_groups"
TERMS = {
    Purpose.WEIGHTS: "weight_gradients",
    Purpose.INPUTS: "input_gradients",
    Purpose.RECOMPUTED: "recomputed",
}
Shapes = tuple[tuple[int, ...], ...]  # of queries, keys and values


def fused_attention(model: nn.Module, inputs: Sequence[Any]) -> frozenset[Shapes]:
    """Attention that runs as one kernel of the CPU, in a forward pass with gradients.

    With dropout, say, torch writes out what its shapes would let it fuse.
    """
    with torch.enable_grad(), _Fused() as mode:
        model(*inputs)
    return frozenset(mode.shapes)


class _Fused(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[Shapes] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default:
            self.shapes.add(tuple(tuple(operand.shape) for operand in args[:3]))
        return func(*args, **(kwargs or {}))


def step_parts(traced: Trace, fused: Collection[Shapes] | None = None) -> dict[str, list[Part]]:
    """What the counter makes of each pass of a traced step.

    `fused` is the attention that ran as one kernel, which is told by its shapes where it is None.
    A forward pass is counted by class of work, a backward pass by what its gradients are of.
    """
    rules = _rules(fused)
    rows = traced.table.rows
    return {
        FORWARD: list(row_parts(rules, as_it_ran(rows) if traced.real_forward else rows)),
        BACKWARD: [part for row in _backward(traced) for part in _parts(row, rules)],
    }


def step_miscounts(traced: Trace, fused: Collection[Shapes] | None = None) -> tuple[Miscount, ...]:
    """Where the counter does not count the MACs that ran: forward, then back."""
    rules = _rules(fused)
    forward = miscounts(TorchFlops.unit, step_parts(traced, fused)[FORWARD], traced)
    forgotten: dict[str, int] = {}
    unseen: dict[str, int] = {}
    for row in reversed(_backward(traced)):
        if _is_in_kernel(row):
            continue
        if not _sees(rules, row):
            unseen[row.path] = unseen.get(row.path, 0) - row.macs
        elif more := _forgotten(row):
            forgotten[row.path] = forgotten.get(row.path, 0) + more
    reasons = {
        "forgets the groups of convolutions in the gradients of their weights": forgotten,
        "misses the gradients of what it does not see forward": unseen,
    }
    back = (
        Miscount(reason, sum(places.values()), tuple(places))
        for reason, places in reasons.items()
        if places
    )
    return (*forward, *back)


def _backward(traced: Trace) -> tuple[BackwardRow, ...]:
    assert traced.step is not None
    return traced.step.backward


def _rules(fused: Collection[Shapes] | None) -> tuple[CostRule, ...]:
    """The counter's own, and that it sees the attention that is not `fused`."""
    if fused is None:
        return TorchFlops.rules

    def is_seen(row: Row) -> bool:
        shapes = tuple(map(tuple, row.operands[:3]))
        return is_attention(row) and not unfused_attention(row) and shapes not in fused

    return (*TorchFlops.rules, CostRule({OpClass.MATMUL_MACS: 2}, when=is_seen))


def _sees(rules: tuple[CostRule, ...], row: BackwardRow) -> bool:
    """Whether what the gradient is of is seen."""
    return not _is_in_kernel(row) and any(rule.meets(row.forward) for rule in rules)


def _is_in_kernel(row: BackwardRow) -> bool:
    """Whether these are the scores of attention, which a fused kernel works out again unseen."""
    return row.purpose is Purpose.RECOMPUTED and row.macs < row.forward.macs


def _parts(row: BackwardRow, rules: tuple[CostRule, ...]) -> Iterator[Part]:
    if _sees(rules, row):
        yield Part(row.path, TERMS[row.purpose], 2 * row.macs, 2)
        if more := _forgotten(row):
            yield Part(row.path, FORGOTTEN_GROUPS, 2 * more)


def _forgotten(row: BackwardRow) -> int:
    """MACs that are counted too often because the groups of a convolution are forgotten."""
    groups = row.forward.groups or 1
    return (groups - 1) * row.macs if row.purpose is Purpose.WEIGHTS else 0
