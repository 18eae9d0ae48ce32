"""torch.utils.flop_counter: two FLOPs per multiply-accumulate, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn
from torch.utils import flop_counter

from shufflenet_flops.counters.cost_model import (
    Part,
    Rule,
    is_attention,
    is_not_attention,
    parts,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Reading
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.trace import Trace

_TWICE = {OpClass.CONV_MACS: 2, OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2}


def unfused_attention(row: Row) -> bool:
    """Attention that has no fused kernel on the CPU, so that its two products are seen.

    The kernel takes (batch, heads, length, size) and queries and values of one size; torch's
    counter has no formula for it.
    """
    if not is_attention(row):
        return False
    queries, _, values = row.operands[:3]
    heads_apart = len(queries) == 4 or row.call.function.endswith("multi_head_attention_forward")
    return not heads_apart or queries[-1] != values[-1]


RULES = (
    Rule(
        _TWICE,
        aten=frozenset("convolution linear matmul mm addmm bmm baddbmm".split()),
        when=is_not_attention,
    ),
    Rule({OpClass.MATMUL_MACS: 2}, when=unfused_attention),
)


class TorchFlops:
    """`FlopCounterMode`, on the real tensors it is given."""

    name = "torch"
    unit: Unit = "FLOP"
    extra = ""

    def distribution(self) -> str:
        """It is part of torch."""
        return "torch"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Total FLOPs of one forward pass.

        Parameters need no gradients: it fails where a module is given one that does.
        """
        model.requires_grad_(False)
        with _compiler_left_out(), flop_counter.FlopCounterMode(display=False) as mode:
            model(*inputs)
        return Reading(mode.get_total_flops())

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterable[Part]:
        """It sees every aten op, however it was called."""
        return parts(RULES, trace)


@contextmanager
def _compiler_left_out() -> Iterator[None]:
    """Count without importing torch's compiler, which takes as long as importing torch.

    torch wraps a mode's dispatch method to hide it from the compiler and imports the compiler for
    that on the first call; where it is not loaded, there is nothing to hide from.
    """
    mode = getattr(flop_counter, "_FlopCounterMode", None)
    raw = getattr(getattr(mode, "__torch_dispatch__", None), "__wrapped__", None)
    if raw is None or "torch._dynamo" in sys.modules or hasattr(raw, _DISABLED):
        yield
        return
    setattr(raw, _DISABLED, raw)
    try:
        yield
    finally:
        delattr(raw, _DISABLED)


_DISABLED = "__dynamo_disable"  # where torch keeps the wrapped method once it is made
