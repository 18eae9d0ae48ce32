"""ptflops' engine that watches aten ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.cost_model import (
    MACS,
    CostRule,
    as_if_dense,
    fused_lstm,
    is_attention,
    is_sparse_product,
)
from shufflenet_flops.counters.ptflops import Ptflops
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counters.torch_flops import seen_of_attention, unfused_attention
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

WHOLE_OPS = "whole_ops"  # in inference mode
ATEN_RULES = (
    CostRule(
        MACS,
        aten=frozenset("convolution _convolution linear matmul mm addmm bmm".split()),
        when=lambda row: not (is_attention(row) or fused_lstm(row) or is_sparse_product(row)),
    ),
    CostRule({OpClass.MATMUL_MACS: as_if_dense}, aten=frozenset({"mm"}), when=is_sparse_product),
    CostRule({OpClass.CONV_BIAS_ADDS: 1}, aten=frozenset({"convolution", "_convolution"})),
    CostRule(
        {OpClass.LINEAR_BIAS_ADDS: 1},
        aten=frozenset({"linear", "addmm"}),
        when=lambda row: not fused_lstm(row),
    ),
    # Whatever a product is added to counts as a bias.
    CostRule({OpClass.MATMUL_MACS: lambda row: prod(row.output)}, aten=frozenset({"addmm"})),
    CostRule({OpClass.MATMUL_MACS: 1}, when=unfused_attention),
)


def _missed_whole(model: nn.Module, inputs: Sequence[Any]) -> int:
    """Layers in inference mode, as its table has their parts: products, and the biases in them."""
    import torch

    from shufflenet_flops.counters.inference_mode import missed

    aten = torch.ops.aten

    def product(args: Sequence[Any], y: Tensor) -> int:
        return int(args[0].numel() * args[1].shape[-1])

    def with_summand(args: Sequence[Any], y: Tensor) -> int:
        return product(args[1:], y) + y.numel()

    def convolution(args: Sequence[Any], y: Tensor) -> int:
        x, weight, bias, *_, is_transposed, _, _ = args
        positions = x if is_transposed else y
        return int(positions.numel() * prod(weight.shape[1:]) + y.numel() * (bias is not None))

    costs = {
        aten.mm: product,
        aten.bmm: product,
        aten.addmm: with_summand,
        aten.convolution: convolution,
    }
    return missed(model, inputs, {aten.matmul, *costs}, costs)


@counter
class PtflopsAten(Ptflops):
    """The engine that watches aten ops."""

    name = "ptflops-aten"
    rank = 40
    backend = "aten"
    one_thread = True
    rules = ATEN_RULES

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It sees attention where torch has no kernel for it, and no bias that is added apart.

        Nor does it see what is handed over whole.
        """
        from shufflenet_flops.counters import closer

        return {
            WHOLE_OPS: -_missed_whole(model, inputs),
            OpClass.MATMUL_MACS.value: seen_of_attention(model, inputs),
            OpClass.LINEAR_BIAS_ADDS.value: -closer.biases_apart(closer.calls_of(model, inputs)),
        }
