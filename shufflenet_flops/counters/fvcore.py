"""fvcore: multiply-accumulates by the name of FLOPs, plus norms and adaptive pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counters.cost_model import (
    MACS,
    RECURRENT,
    WHOLE_PRODUCTS,
    CostRule,
    Part,
    from_this_batch,
    is_not_attention,
    norm_rules,
    qualified,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counters.script_functions import (
    SCRIPTED,
    calls_of_scripts,
    without_scripts,
)
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.counters.graphs import Handler, ScriptedOp
    from shufflenet_flops.trace.trace import Trace


def is_batch_norm(row: Row) -> bool:
    """Batch norms proper."""
    # torch runs an instance norm as a batch norm.
    return row.op == "batch_norm" and not row.call.function.endswith(".instance_norm")


def is_other_norm(row: Row) -> bool:
    """Layer, group and instance norms."""
    return row.op in ("batch_norm", "layer_norm", "group_norm") and not is_batch_norm(row)


# torch runs a pool in one dimension as one in two.
def _is_adaptive_pool(row: Row) -> bool:
    return row.op == "adaptive_avg_pool2d" and not row.call.function.endswith("pool1d")


_UNSEEN = frozenset(
    "baddbmm addmv mv dot _trilinear _int_mm _scaled_mm _scaled_mm_v2 _grouped_mm".split()
)
_UNHANDLED = RECURRENT | WHOLE_PRODUCTS | qualified("torch: conv_tbc")


def _is_einsum(row: Row) -> bool:
    return row.call.function.startswith("torch.einsum(")


def _einsum(row: Row) -> int:
    """Half of the FLOPs that numpy prints, in four digits, but for two equations it knows."""
    if _letters(row.call.function) in ("abc,abd->acd", "abc,adc->adb"):
        return row.macs
    return int(float(f"{2 * row.macs:.3e}") / 2)


def _half_products(row: Row) -> int:
    return int(float(f"{row.counts[OpClass.MUL_ELEMENTS]:.3e}") / 2)


def _equation(sizes: Mapping[str, int], result: str) -> int:
    """As `_einsum`, and half of it where nothing is summed over."""
    flops = prod(sizes.values()) * (1 + any(letter not in result for letter in sizes))
    return int(float(f"{flops:.3e}") / 2)


def _letters(function: str) -> str:
    """The equation in the letters a, b, c, … by first appearance."""
    equation = function.removeprefix("torch.einsum(").removesuffix(")").replace(" ", "")
    order = dict.fromkeys(filter(str.isalpha, equation))
    return equation.translate({ord(letter): 97 + i for i, letter in enumerate(order)})


# It sees the ops of a TorchScript trace by name; what is not named here counts nothing.
RULES = (
    CostRule(
        MACS,
        when=lambda row: (
            is_not_attention(row)
            and not _is_einsum(row)
            and row.aten not in _UNSEEN
            and row.call.function not in _UNHANDLED
        ),
    ),
    *norm_rules(2, 1, when=is_batch_norm),
    CostRule(
        {OpClass.NORM_ELEMENTS: 3}, when=lambda row: is_batch_norm(row) and from_this_batch(row)
    ),
    *norm_rules(5, 4, when=is_other_norm),
    CostRule({OpClass.MATMUL_MACS: _einsum, OpClass.LINEAR_MACS: _einsum}, when=_is_einsum),
    CostRule({OpClass.MUL_ELEMENTS: _half_products}, when=_is_einsum),
    CostRule({OpClass.GLOBAL_POOL_INPUTS: 1}, when=_is_adaptive_pool),
    CostRule({OpClass.INTERPOLATED_ELEMENTS: 1}, aten=frozenset({"upsample_nearest2d"})),
    CostRule(
        {OpClass.INTERPOLATED_ELEMENTS: 4},
        aten=frozenset("upsample_bilinear2d grid_sampler grid_sampler_2d grid_sampler_3d".split()),
    ),
)


def _graph_convolution(op: ScriptedOp) -> int:
    is_transposed = op.arguments[6]
    sizes = op.operand(0) if is_transposed else op.output
    return sizes[0] * prod(op.operand(1)) * prod(sizes[2:])


def _handlers() -> dict[str, Handler]:
    """As in its `jit_handles.py`, for what torch makes of transforms."""
    from shufflenet_flops.counters.graphs import product

    def by_factors(op: ScriptedOp) -> int:
        return prod(op.operand(0)) * op.operand(1)[-1]

    def norm(place: int, weight: int, plain: int) -> Handler:
        def count(op: ScriptedOp) -> int:
            each = plain if op.operands[place] is None else weight
            from_batch = op.name == "batch_norm" and op.arguments[5]
            return prod(op.output) * (each + 3 * bool(from_batch))

        return OpClass.NORM_ELEMENTS, count

    return {
        "batch_norm": norm(1, 2, 1),
        "instance_norm": norm(1, 5, 4),
        **dict.fromkeys(("layer_norm", "group_norm"), norm(2, 5, 4)),
        "addmm": (OpClass.LINEAR_MACS, product(1)),
        "linear": (OpClass.LINEAR_MACS, product(0)),
        "bmm": (OpClass.MATMUL_MACS, product(0)),
        **dict.fromkeys(("matmul", "mm"), (OpClass.MATMUL_MACS, by_factors)),
        "_convolution": (OpClass.CONV_MACS, _graph_convolution),
        "upsample_nearest2d": (OpClass.INTERPOLATED_ELEMENTS, lambda op: prod(op.output)),
        **dict.fromkeys(
            ("upsample_bilinear2d", "grid_sampler"),
            (OpClass.INTERPOLATED_ELEMENTS, lambda op: 4 * prod(op.output)),
        ),
        "adaptive_avg_pool2d": (OpClass.GLOBAL_POOL_INPUTS, lambda op: prod(op.operand(0))),
    }


@counter
class Fvcore(Counter):
    """`fvcore.nn.FlopCountAnalysis`, which traces the model with TorchScript.

    It sees ops, however they were called.
    """

    name = "fvcore"
    unit = "MAC"
    rank = 20
    in_compare = True
    failing = "it could not make sense of the model as TorchScript traces it"
    rules = RULES

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Total of all supported ops; the others are listed as unsupported."""
        from fvcore.nn import FlopCountAnalysis

        from shufflenet_flops.running.own_thread import in_own_thread

        def count() -> CounterTotal:
            analysis = FlopCountAnalysis(model, tuple(inputs))
            return CounterTotal(int(analysis.total()), dict(analysis.unsupported_ops()))

        return in_own_thread(count)

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """What goes by another name in TorchScript, or is unused there."""
        from shufflenet_flops.counters import closer, equations

        calls = closer.calls_of(model, inputs)
        convolutions = ("conv1d", "conv2d", "conv3d")
        return {
            SCRIPTED: calls_of_scripts(closer.AllResults(model), inputs),
            closer.TEXT_PADDING: -closer.text_padding_macs(calls, convolutions),
            OpClass.NORM_ELEMENTS.value: 3 * closer.renewed_elements(calls),
            OpClass.MATMUL_MACS.value: closer.factor_macs(calls, by_sign=True)
            + equations.summed_letters(calls, _equation),
            closer.UNUSED: -closer.unused(
                lambda module: self.count(module, inputs).reported, model
            ),
        }

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """It sees nothing of scripted functions."""
        yield from super().parts(*without_scripts(trace, facts))

    def under_transforms(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """By the ops that TorchScript has of them, and a product by its factors."""
        from shufflenet_flops.counters.graphs import totals

        return totals(model, inputs, _handlers())
