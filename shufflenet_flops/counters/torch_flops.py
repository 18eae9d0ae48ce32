"""torch.utils.flop_counter: two FLOPs per multiply-accumulate, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shufflenet_flops.counters.cost_model import CostRule, is_attention, is_not_attention
from shufflenet_flops.counters.protocol import Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    CostRule(
        _TWICE,
        aten=frozenset("convolution linear matmul mm addmm bmm baddbmm".split()),
        when=is_not_attention,
    ),
    CostRule({OpClass.MATMUL_MACS: 2}, when=unfused_attention),
)


@counter
class TorchFlops(Counter):
    """`FlopCounterMode`, on the real tensors it is given.

    It sees every aten op, however it was called.
    """

    name = "torch"
    unit = "FLOP"
    rank = 10
    in_compare = True
    rules = RULES

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total FLOPs of one forward pass.

        Parameters need no gradients: it fails where a module is given one that does.
        """
        from torch.utils import flop_counter

        model.requires_grad_(False)
        with _compiler_left_out(), flop_counter.FlopCounterMode(display=False) as mode:
            model(*inputs)
        return CounterTotal(mode.get_total_flops())


@contextmanager
def _compiler_left_out() -> Iterator[None]:
    """Count without importing torch's compiler, which takes as long as importing torch.

    torch wraps a mode's dispatch method to hide it from the compiler and imports the compiler for
    that on the first call; where it is not loaded, there is nothing to hide from.
    """
    from torch.utils import flop_counter

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
