"""torch.profiler with FLOPs: what torch's dispatcher runs, where it knows a formula."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from shufflenet_flops.counters.cost_model import CostRule, is_not_attention
from shufflenet_flops.counters.protocol import Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counters.torch_flops import unfused_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn


def _first_operand(row: Row) -> int:
    """It takes the first operand for the output, even where that is broadcast."""
    return prod(row.operands[0])


def _written_out(row: Row) -> int:
    """Two products, and the scaling of queries and keys."""
    queries, keys = row.operands[:2]
    return 2 * row.macs + prod(queries) + prod(keys)


RULES = (
    CostRule({OpClass.CONV_MACS: 2}, when=lambda row: row.op == "conv2d"),
    CostRule(
        {OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2},
        aten=frozenset("linear matmul mm addmm bmm baddbmm".split()),
        when=is_not_attention,
    ),
    CostRule({OpClass.MATMUL_MACS: _written_out}, when=unfused_attention),
    # Repeating a tensor adds up one size per axis.
    CostRule({OpClass.MOVED_ELEMENTS: lambda row: len(row.output)}, aten=frozenset({"repeat"})),
    CostRule({OpClass.ADD_ELEMENTS: _first_operand}, aten=frozenset({"add"})),
    CostRule({OpClass.MUL_ELEMENTS: _first_operand}, aten=frozenset({"mul"})),
)


@counter
class TorchProfiler(Counter):
    """`torch.profiler.profile(with_flops=True)`.

    It sees ops in two dimensions and sums of two tensors, none in place.
    """

    name = "profiler"
    unit = "FLOP"
    rank = 90
    rules = RULES

    def distribution(self) -> str:
        """It is part of torch."""
        return "torch"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total over all kernels that ran."""
        import torch

        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, with_flops=True) as profile:
            model(*inputs)
        return CounterTotal(sum(event.flops for event in profile.key_averages() if event.flops))
