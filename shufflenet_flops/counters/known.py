"""Cost models of counters that we do not run, so that a number they gave can be named.

Their sources were read, and their totals compared on six networks; versions are in the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from shufflenet_flops.counters import fvcore
from shufflenet_flops.counters.cost_model import (
    ADAPTIVE_AVERAGE_POOLS,
    AVERAGE_POOLS,
    MAX_POOLS,
    POOL_FUNCTIONS,
    REPLACED_ACTIVATIONS,
    CostRule,
    is_not_attention,
    norm_rules,
    qualified,
    torch_modules,
)
from shufflenet_flops.counters.ultralytics_thop import BY_CLASS_AND_FUNCTION, is_layer
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.spec import OpClass


@dataclass(frozen=True)
class KnownCounter:
    """Somebody's counter by its rules alone; `select` picks the rows that it looks at."""

    name: str
    unit: Unit
    rules: tuple[CostRule, ...]
    select: Callable[[Sequence[Row]], Sequence[Row]] = lambda rows: rows


# DeepSpeed replaces functions by name and sees what modules of torch call. calflops is a fork.
_PRODUCTS = qualified(
    "torch: conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "torch: matmul mm bmm addmm baddbmm",
    "torch.Tensor: matmul mm bmm addmm",
    "torch.nn.functional: linear multi_head_attention_forward",
)
_DEEPSPEED_MACS = (
    CostRule(
        {OpClass.CONV_MACS: 1, OpClass.LINEAR_MACS: 1, OpClass.MATMUL_MACS: 1},
        functions=_PRODUCTS,
        when=is_not_attention,
    ),
)
_DEEPSPEED_FLOPS = (
    CostRule(
        {
            OpClass.CONV_MACS: 2,
            OpClass.CONV_BIAS_ADDS: 1,
            OpClass.LINEAR_MACS: 2,
            OpClass.MATMUL_MACS: 2,
        },
        functions=_PRODUCTS,
        when=is_not_attention,
    ),
    *norm_rules(2, 1, when=fvcore.is_batch_norm),
    *norm_rules(5, 4, when=fvcore.is_other_norm),
    CostRule(
        {OpClass.ACTIVATION_ELEMENTS: 1},
        functions=REPLACED_ACTIVATIONS | qualified("torch.nn.functional: leaky_relu"),
    ),
    CostRule(
        {
            OpClass.MAX_POOL_INPUTS: 1,
            OpClass.AVG_POOL_INPUTS: 1,
            OpClass.GLOBAL_POOL_INPUTS: 1,
        },
        functions=POOL_FUNCTIONS,
    ),
    CostRule({OpClass.SOFTMAX_ELEMENTS: 1}, functions=qualified("torch.nn.functional: softmax")),
    CostRule({OpClass.ADD_ELEMENTS: 1}, functions=qualified("torch: add", "torch.Tensor: add")),
    CostRule({OpClass.MUL_ELEMENTS: 1}, functions=qualified("torch: mul", "torch.Tensor: mul")),
)

_FLOPTH = (
    CostRule(
        {OpClass.CONV_MACS: 1, OpClass.CONV_BIAS_ADDS: 1, OpClass.LINEAR_MACS: 1}, when=is_layer
    ),
    CostRule({OpClass.NORM_ELEMENTS: 2}, when=is_layer),
    CostRule({OpClass.ACTIVATION_ELEMENTS: 1}, torch_modules("activation: ReLU ReLU6 LeakyReLU")),
    CostRule({OpClass.MAX_POOL_INPUTS: 1}, MAX_POOLS),
    CostRule({OpClass.AVG_POOL_INPUTS: 1}, AVERAGE_POOLS),
    CostRule({OpClass.GLOBAL_POOL_INPUTS: 1}, ADAPTIVE_AVERAGE_POOLS),
)


def _last_calls(rows: Sequence[Row]) -> Sequence[Row]:
    """A module that is called again forgets what was counted before."""
    return list({(row.path, row.op): row for row in rows}.values())


def _max_pool(row: Row) -> int:
    """Window - 1 per output; a window given as one number is taken for its area."""
    return prod(row.output) * ((row.kernel or (1,))[0] - 1)


def _average_pool(row: Row) -> int:
    """Window + 1 per output, with the same mistake."""
    return prod(row.output) * ((row.kernel or (1,))[0] - 1 + len(row.output) - 2)


def _adaptive_pool(row: Row) -> int:
    """Window + 1 per output in two dimensions."""
    sizes = zip(row.inputs[0][2:], row.output[2:], strict=True)
    window = [size // cells if size % cells == 0 else size % cells + 1 for size, cells in sizes]
    return prod(row.output) * (prod(window) - 1 + len(window))


_TORCHSCAN = (
    CostRule({OpClass.CONV_MACS: 1, OpClass.LINEAR_MACS: 1}, when=is_layer),
    *norm_rules(2, 1, when=lambda row: row.op == "batch_norm"),
    CostRule({OpClass.MAX_POOL_OUTPUTS: _max_pool}, MAX_POOLS),
    CostRule({OpClass.AVG_POOL_OUTPUTS: _average_pool}, AVERAGE_POOLS),
    CostRule({OpClass.GLOBAL_POOL_OUTPUTS: _adaptive_pool}, ADAPTIVE_AVERAGE_POOLS),
)

KNOWN: tuple[KnownCounter, ...] = (
    KnownCounter("DeepSpeed or calflops, FLOPs", "FLOP", _DEEPSPEED_FLOPS),
    KnownCounter("DeepSpeed or calflops, MACs", "MAC", _DEEPSPEED_MACS),
    KnownCounter("ultralytics-thop 2.2", "MAC", BY_CLASS_AND_FUNCTION),
    KnownCounter("mmengine", "MAC", fvcore.RULES),
    KnownCounter("flopth 0.1.6", "MAC", _FLOPTH, _last_calls),
    KnownCounter("torchscan 0.2, MACs", "MAC", _TORCHSCAN),
)
