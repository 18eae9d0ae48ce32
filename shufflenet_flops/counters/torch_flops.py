"""torch.utils.flop_counter: two FLOPs per multiply-accumulate, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.counters.cost_model import (
    CostRule,
    as_if_dense,
    fused_lstm,
    is_attention,
    is_sparse_product,
)
from shufflenet_flops.counters.protocol import Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.counters.attention_calls import Attention

_TWICE = {OpClass.CONV_MACS: 2, OpClass.LINEAR_MACS: 2, OpClass.MATMUL_MACS: 2}


FUSED_WITHOUT_HEADS = (2, 14)  # the first torch whose kernel takes attention without heads


@cache
def installed() -> tuple[int, ...]:
    """The installed torch's version, as far as it counts here: (2, 13)."""
    return tuple(int(part) for part in metadata.version("torch").split(".")[:2])


def unfused_attention(row: Row, version: tuple[int, ...] | None = None) -> bool:
    """Attention that has no fused kernel on the CPU, so that its two products are seen.

    The kernel takes (batch, heads, length, size), from torch 2.14 on without heads too, and queries
    and values of one size; torch's counter has no formula for it. `version` is torch's, the
    installed one by default.
    """
    if not is_attention(row):
        return False
    queries, _, values = row.operands[:3]
    inside = row.call.function.endswith("multi_head_attention_forward")
    return _unfused(queries, values, version, inside=inside)


def _unfused(
    queries: Sequence[int],
    values: Sequence[int],
    version: tuple[int, ...] | None = None,
    *,
    inside: bool = False,
) -> bool:
    axes = (3, 4) if (version or installed()) >= FUSED_WITHOUT_HEADS else (4,)
    return not (inside or len(queries) in axes) or queries[-1] != values[-1]


def attention_with_gaps(model: nn.Module, inputs: Sequence[Any]) -> Iterator[Attention]:
    """Attention that `unfused_attention` takes for fused by its shapes, and torch writes out."""
    from shufflenet_flops.counters import attention_calls, closer

    for attention in attention_calls.written_out(closer.calls_of(model, inputs)):
        if not _unfused(attention.queries, attention.values):
            yield attention


def seen_of_attention(model: nn.Module, inputs: Sequence[Any]) -> int:
    """MACs of attention that are seen beside those that shapes tell.

    Where `torch.vmap` runs it, a trace has it written out, and the CPU may have a kernel for it.
    """
    from shufflenet_flops.counters import attention_calls, closer

    gaps = sum(attention.macs for attention in attention_with_gaps(model, inputs))
    return gaps - attention_calls.fused_samples(closer.calls_of(model, inputs))


def _rules(version: tuple[int, ...] | None = None) -> tuple[CostRule, ...]:
    return (
        _PRODUCTS,
        CostRule(
            {OpClass.MATMUL_MACS: lambda row: 2 * as_if_dense(row)},
            aten=frozenset({"mm"}),
            when=is_sparse_product,
        ),
        CostRule({OpClass.MATMUL_MACS: 2}, when=lambda row: unfused_attention(row, version)),
    )


_PRODUCTS = CostRule(
    _TWICE,
    aten=frozenset(
        "convolution _convolution linear matmul mm addmm bmm baddbmm _scaled_mm".split()
    ),
    when=lambda row: not (is_attention(row) or fused_lstm(row) or is_sparse_product(row)),
)
RULES = _rules()


@counter
class TorchFlops(Counter):
    """`FlopCounterMode`, on the real tensors it is given.

    It sees every aten op, however it was called.
    """

    name = "torch"
    unit = "FLOP"
    rank = 10
    in_compare = True
    one_thread = True
    rules = RULES
    versions: ClassVar[Mapping[str, tuple[CostRule, ...]]] = {
        "torch before 2.14": _rules((2, 13)),
        "torch from 2.14 on": _rules((2, 14)),
    }

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total FLOPs of one forward pass.

        Parameters need no gradients: it fails where a module is given one that does.
        """
        from torch.utils import flop_counter

        for parameter in model.parameters():
            parameter.requires_grad_(False)
        with _compiler_left_out(), flop_counter.FlopCounterMode(display=False) as mode:
            model(*inputs)
        return CounterTotal(mode.get_total_flops())

    def count_step(self, model: nn.Module, inputs: Sequence[Any]) -> tuple[int, int]:
        """FLOPs of a forward and of a backward pass, from a gradient for every output.

        Which parameters are trained is as `model` has it, and so is its mode.
        """
        import torch
        from torch.utils import flop_counter

        from shufflenet_flops.trace.outputs import outputs_of

        with (
            torch.enable_grad(),
            _compiler_left_out(),
            flop_counter.FlopCounterMode(display=False) as mode,
        ):
            outputs = [y for y in outputs_of(model(*inputs)) if y.requires_grad]
            forward = mode.get_total_flops()
            torch.autograd.backward(outputs, [torch.ones_like(y) for y in outputs])
        return forward, mode.get_total_flops() - forward

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It sees the products of attention where torch has no kernel for it."""
        return {OpClass.MATMUL_MACS.value: 2 * seen_of_attention(model, inputs)}


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
