"""torch.profiler with FLOPs: what torch's dispatcher runs, where it knows a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.counters.cost_model import (
    CostRule,
    Part,
    as_if_dense,
    as_it_ran,
    fused_lstm,
    is_attention,
    is_sparse_product,
    qualified,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counters.torch_flops import attention_with_gaps, installed, unfused_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.trace.trace import Trace


def _written_out(row: Row) -> int:
    """Two products, and the scaling of queries and keys, where queries share keys once for each."""
    queries, keys = row.operands[:2]
    shared = queries[-3] // keys[-3] if min(len(queries), len(keys)) > 2 and keys[-3] > 1 else 1
    return 2 * row.macs + prod(queries) + shared * prod(keys)


def _grid(row: Row) -> int:
    """A product of the places and each image's matrix, and the places along the axes, scaled.

    Those of an axis of one place are not; where corners are aligned, as is not the default, none.
    """
    images, *sizes, axes = row.output
    return 2 * images * prod(sizes) * (axes + 1) * axes + sum(size for size in sizes if size > 1)


def _distances(row: Row) -> int:
    """A product of vectors with two more elements each, for the squares, and the first doubled."""
    first = row.operands[0]
    return 2 * prod(row.output) * (first[-1] + 2) + prod(first)


def _scaled_product(row: Row) -> int:
    """The product of two matrices, each of which is scaled."""
    return 2 * row.macs + prod(row.operands[0]) + prod(row.operands[1])


def _is_convolution(row: Row) -> bool:
    """One in two dimensions; a traced module calls the op below it."""
    return row.op == "conv2d" and row.aten == "convolution"


def _out_of_place(row: Row) -> bool:
    """Without the biases that torch adds in place where nobody watches."""
    biased = row.call.function.endswith("multi_head_attention_forward") and row.weighted
    return not biased and not fused_lstm(row)


def _first_operand(row: Row) -> int:
    return prod(row.operands[0])


_ALPHA = qualified("torch.nn.functional: alpha_dropout feature_alpha_dropout")
_RULES = (
    CostRule({OpClass.CONV_MACS: 2}, when=_is_convolution),
    CostRule(
        {OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2},
        aten=frozenset("linear matmul mm addmm bmm baddbmm".split()),
        when=lambda row: not (is_attention(row) or fused_lstm(row) or is_sparse_product(row)),
    ),
    # It runs as a sum with zeros, which is seen beside it.
    CostRule(
        {OpClass.MATMUL_MACS: lambda row: 4 * as_if_dense(row)},
        aten=frozenset({"mm"}),
        when=is_sparse_product,
    ),
    CostRule(
        {OpClass.MATMUL_MACS: lambda row: 2 * as_if_dense(row)},
        aten=frozenset({"_sparse_addmm"}),
    ),
    CostRule({OpClass.LINEAR_MACS: 2}, aten=frozenset({"_trilinear"})),
    CostRule({OpClass.REDUCTION_INPUTS: 1}, aten=frozenset({"renorm"})),
    CostRule(
        {OpClass.ELEMENTWISE_ELEMENTS: lambda row: 2},  # two numbers, as of those below
        aten=frozenset("hann_window hamming_window bartlett_window".split()),
    ),
    CostRule({OpClass.MATMUL_MACS: 2}, aten=frozenset({"_grouped_mm"})),
    CostRule(
        {OpClass.MATMUL_MACS: _scaled_product}, aten=frozenset({"_scaled_mm", "_scaled_mm_v2"})
    ),
    CostRule({OpClass.REDUCTION_INPUTS: _distances}, aten=frozenset({"_euclidean_dist"})),
    CostRule({OpClass.ELEMENTWISE_ELEMENTS: 1}, aten=frozenset({"deg2rad", "rad2deg"})),
    # A number in C++, which is taken for the first operand.
    CostRule({OpClass.MUL_ELEMENTS: lambda row: 1}, functions=_ALPHA, aten=frozenset({"mul_"})),
    CostRule({OpClass.MATMUL_MACS: _written_out}, when=unfused_attention),
    CostRule({OpClass.INTERPOLATED_ELEMENTS: _grid}, aten=frozenset({"affine_grid_generator"})),
    # The first operand is taken for the result, even where it is broadcast.
    CostRule({OpClass.ADD_ELEMENTS: _first_operand}, aten=frozenset({"add"}), when=_out_of_place),
    CostRule(
        {OpClass.MUL_ELEMENTS: _first_operand},
        aten=frozenset({"mul"}),
        when=lambda row: not fused_lstm(row),
    ),
)
# Repeating a tensor adds up one size per axis since torch 2.10.
_REPEATS = CostRule(
    {OpClass.MOVED_ELEMENTS: lambda row: len(row.output)}, aten=frozenset({"repeat"})
)
_SEEN_TO_REPEAT = (2, 10)


def _rules(version: tuple[int, ...]) -> tuple[CostRule, ...]:
    return (*_RULES, _REPEATS) if version >= _SEEN_TO_REPEAT else _RULES


@counter
class TorchProfiler(Counter):
    """`torch.profiler.profile(with_flops=True)`.

    It sees ops in two dimensions and sums of two tensors, none in place.
    """

    name = "profiler"
    unit = "FLOP"
    rank = 90
    one_thread = True
    versions: ClassVar[Mapping[str, tuple[CostRule, ...]]] = {
        "torch before 2.10": _rules((2, 9)),
        "torch from 2.10 on": _rules(_SEEN_TO_REPEAT),
    }

    def distribution(self) -> str:
        """It is part of torch."""
        return "torch"

    def rules_here(self) -> tuple[CostRule, ...]:
        """By the installed torch."""
        return _rules(installed())

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total over all kernels that ran."""
        import torch

        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, with_flops=True) as profile:
            model(*inputs)
        return CounterTotal(sum(event.flops for event in profile.key_averages() if event.flops))

    def under_transforms(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """By what is dispatched at each level of them."""
        from shufflenet_flops.counters.dispatched import dispatched, totals

        return totals(dispatched(model, inputs))

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It reads a padding as numbers and images in batches, and sees attention written out.

        The places of a grid are scaled only where its corners are not aligned.
        """
        from shufflenet_flops.counters import attention_calls, closer, dispatched

        # First, as a run shortens the rows that are too long; how many are depends on their values.
        events = dispatched.dispatched(model, inputs)
        calls = closer.calls_of(model, inputs)
        attention = sum(2 * gaps.macs + gaps.scaled for gaps in attention_with_gaps(model, inputs))
        facts = {
            closer.TEXT_PADDING: -2 * closer.text_padding_macs(calls, ("conv2d",)),
            closer.UNBATCHED: -2 * closer.unbatched_macs(calls),
            OpClass.INTERPOLATED_ELEMENTS.value: -closer.aligned_places(calls),
            OpClass.MATMUL_MACS.value: attention,
            # Of the bounds of a slope, which is their mean.
            OpClass.ADD_ELEMENTS.value: closer.mean_slopes(calls),
            OpClass.MUL_ELEMENTS.value: dispatched.inside(events, "aten::embedding_renorm_")
            + attention_calls.dropped_scores(calls),
        }
        twice = dispatched.handed_over(events)
        return {term: facts.get(term, 0) + twice.get(term, 0) for term in facts | twice}

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """An LSTM that runs as one kernel is seen by the sums of its two biases alone."""
        yield from super().parts(trace, facts)
        rows = as_it_ran(trace.table.rows) if trace.real_forward else trace.table.rows
        fused = {row.path for row in rows if fused_lstm(row)}
        for call in trace.calls:
            if call.module.endswith(".LSTM") and call.path in fused:
                biases = sum(n for name, n in call.params.items() if name.startswith("bias_ih"))
                if biases:
                    yield Part(call.path, OpClass.ADD_ELEMENTS.value, biases, 1)
