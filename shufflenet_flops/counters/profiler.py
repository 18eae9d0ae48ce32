"""torch.profiler with FLOPs: what torch's dispatcher runs, where it knows a formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from shufflenet_flops.counters.cost_model import Part, Rule, is_not_attention, parts
from shufflenet_flops.counters.protocol import NO_FACTS, Reading
from shufflenet_flops.counters.torch_flops import unfused_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.trace import Trace


def _first_operand(row: Row) -> int:
    """It takes the first operand for the output, even where that is broadcast."""
    return prod(row.operands[0])


def _written_out(row: Row) -> int:
    """Two products, and the scaling of queries and keys."""
    queries, keys = row.operands[:2]
    return 2 * row.macs + prod(queries) + prod(keys)


RULES = (
    Rule({OpClass.CONV_MACS: 2}, when=lambda row: row.op == "conv2d"),
    Rule(
        {OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2},
        aten=frozenset("linear matmul mm addmm bmm baddbmm".split()),
        when=is_not_attention,
    ),
    Rule({OpClass.MATMUL_MACS: _written_out}, when=unfused_attention),
    # Repeating a tensor adds up one size per axis.
    Rule({OpClass.MOVED_ELEMENTS: lambda row: len(row.output)}, aten=frozenset({"repeat"})),
    Rule({OpClass.ADD_ELEMENTS: _first_operand}, aten=frozenset({"add"})),
    Rule({OpClass.MUL_ELEMENTS: _first_operand}, aten=frozenset({"mul"})),
)


class TorchProfiler:
    """`torch.profiler.profile(with_flops=True)`."""

    name = "profiler"
    unit: Unit = "FLOP"
    extra = ""

    def distribution(self) -> str:
        """It is part of torch."""
        return "torch"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Total over all kernels that ran."""
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, with_flops=True) as profile:
            model(*inputs)
        return Reading(sum(event.flops for event in profile.key_averages() if event.flops))

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterable[Part]:
        """It sees ops in two dimensions and sums of two tensors, none in place."""
        return parts(RULES, trace)
