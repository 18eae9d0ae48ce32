"""ptflops, and its engine of module hooks and replaced functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.counters.cost_model import (
    ADAPTIVE_AVERAGE_POOLS,
    ADAPTIVE_MAX_POOLS,
    AVERAGE_POOLS,
    BATCH_NORMS,
    CONVOLUTIONS,
    INSTANCE_NORMS,
    MAX_POOLS,
    POOL_FUNCTIONS,
    REPLACED_ACTIVATIONS,
    TRANSPOSED,
    CostRule,
    Part,
    from_the_left,
    is_attention,
    is_not_attention,
    norm_rules,
    qualified,
    torch_modules,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Counter, CounterError, CounterTotal
from shufflenet_flops.counters.ptflops_import import given, imported
from shufflenet_flops.counters.recurrent import RecurrentLayer, recurrent_parts
from shufflenet_flops.counters.registry import counter
from shufflenet_flops.counting import Row
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.trace.trace import Trace

_MULTI_HEAD = torch_modules("activation: MultiheadAttention")
_TIMM_ATTENTION = frozenset({"timm.layers.attention.Attention"})
_ATTENTION = _MULTI_HEAD | _TIMM_ATTENTION
_LINEAR = torch_modules("linear: Linear")
_NORMS = BATCH_NORMS | INSTANCE_NORMS | torch_modules("normalization: GroupNorm")


CALLED_AGAIN = "called_again"


def _times(row: Row) -> int:
    """The sum over the tree meets a module once per parent, but looks into no known module."""
    hidden = any(name in _ATTENTION for name in row.call.within)
    return 0 if hidden else row.call.occurrences


def _queries(row: Row) -> int:
    return prod(row.operands[0])


def _is_bias_apart(row: Row) -> bool:
    """The bias of a product whose input has gaps, or no batch."""
    return row.weighted and row.call.module in _LINEAR | _MULTI_HEAD


def _scaling(row: Row) -> bool:
    """The multiplication of the queries where attention is written out, and not of a bias."""
    return row.op == "mul" and row.aten == "mul" and len(row.operands[0]) > 1


def _scaling_without_bias(row: Row) -> bool:
    return _scaling(row) and "in_proj_bias" not in row.call.params


def _fused_without_bias(row: Row) -> bool:
    return is_attention(row) and "in_proj_bias" not in row.call.params


def _recurrent(layer: RecurrentLayer) -> tuple[int, int]:
    """Its gates and its state, by its own table of what these cost."""
    hidden, gates = layer.hidden, layer.gates
    others = {1: 1, 3: 7, 4: 10}[gates] * hidden + (2 * gates * hidden if layer.bias else 0)
    return gates * hidden * (layer.inputs + layer.recurrent), others


def _rule(names: frozenset[str], **weights: int) -> CostRule:
    return CostRule({OpClass(key): weight for key, weight in weights.items()}, names, times=_times)


MODULE_RULES = (
    _rule(CONVOLUTIONS | TRANSPOSED, conv_macs=1, conv_bias_adds=1),
    _rule(_LINEAR, linear_macs=1, linear_bias_adds=1),
    *norm_rules(2, 1, modules=_NORMS, times=_times),
    _rule(torch_modules("normalization: LayerNorm"), norm_elements=1),
    _rule(torch_modules("activation: ReLU PReLU ELU LeakyReLU ReLU6 GELU"), activation_elements=1),
    _rule(MAX_POOLS | ADAPTIVE_MAX_POOLS, max_pool_inputs=1),
    _rule(AVERAGE_POOLS, avg_pool_inputs=1),
    _rule(ADAPTIVE_AVERAGE_POOLS, global_pool_inputs=1),
    _rule(torch_modules("upsampling: Upsample"), interpolated_elements=1),
    # Scaling of the queries, two products and a softmax; the module's own projections with it.
    _rule(_ATTENTION, linear_macs=1, linear_bias_adds=1, matmul_macs=1, softmax_elements=1),
    CostRule({OpClass.MUL_ELEMENTS: 1}, _ATTENTION, when=_scaling, times=_times),
    CostRule(
        {OpClass.ADD_ELEMENTS: 1},
        _LINEAR | _MULTI_HEAD,
        aten=frozenset({"add"}),
        when=_is_bias_apart,
        times=_times,
    ),
    CostRule({OpClass.SOFTMAX_ELEMENTS: _queries}, _ATTENTION, when=is_attention, times=_times),
    # The output's bias counts even where there is none.
    CostRule({OpClass.MUL_ELEMENTS: 1}, _MULTI_HEAD, when=_scaling_without_bias, times=_times),
    CostRule(
        {OpClass.SOFTMAX_ELEMENTS: _queries}, _MULTI_HEAD, when=_fused_without_bias, times=_times
    ),
)

_IN_MULTI_HEAD = qualified("torch.nn.functional: multi_head_attention_forward")
_POOL_INPUTS = {OpClass[f"{kind}_POOL_INPUTS"]: 1 for kind in ("MAX", "AVG", "GLOBAL")}
_PRODUCTS = qualified("torch: matmul mm bmm", "torch.Tensor: matmul mm bmm")
_SUMS_OF_PRODUCTS = qualified("torch: addmm baddbmm", "torch.Tensor: addmm")


def _with_last_size(row: Row) -> int:
    """The last size of the second factor counts, also where that is a vector and it is summed."""
    if row.aten in ("mv", "dot"):
        return prod(row.operands[0]) * row.operands[1][-1]
    return row.macs


def _with_summand(row: Row) -> int:
    return row.macs + prod(row.operands[0])


def _from_the_left(row: Row) -> int:
    return from_the_left(row.operands)


# Functions are replaced under their names, so that modules of torch run into them too.
FUNCTION_RULES = (
    CostRule({OpClass.ACTIVATION_ELEMENTS: 1}, functions=REPLACED_ACTIVATIONS),
    CostRule(_POOL_INPUTS, functions=POOL_FUNCTIONS),
    CostRule({OpClass.SOFTMAX_ELEMENTS: 1}, functions=qualified("torch.nn.functional: softmax")),
    CostRule(
        {OpClass.SOFTMAX_ELEMENTS: 1, OpClass.MATMUL_MACS: 1},
        functions=_IN_MULTI_HEAD,
        when=lambda row: is_not_attention(row) and row.aten != "baddbmm",
    ),
    CostRule(
        {OpClass.MATMUL_MACS: _with_summand},
        functions=_IN_MULTI_HEAD,
        aten=frozenset({"baddbmm"}),
    ),
    CostRule(
        {OpClass.AVG_POOL_INPUTS: 1, OpClass.MUL_ELEMENTS: 1, OpClass.ADD_ELEMENTS: 1},
        functions=qualified("torch.nn.functional: local_response_norm"),
    ),
    CostRule(
        {OpClass.INTERPOLATED_ELEMENTS: 1},
        functions=qualified("torch.nn.functional: interpolate"),
    ),
    # By their areas, which it calls a pool for.
    CostRule(
        {OpClass.GLOBAL_POOL_INPUTS: 1, OpClass.GLOBAL_POOL_OUTPUTS: 1},
        functions=qualified("torch.nn.functional: interpolate"),
    ),
    CostRule({OpClass.GLOBAL_POOL_INPUTS: 1}, functions=qualified("unnamed: interpolate")),
    CostRule({OpClass.INTERPOLATED_ELEMENTS: 1}, functions=qualified("unnamed: upsample")),
    CostRule(
        {OpClass.INTERPOLATED_ELEMENTS: 2},  # it calls interpolate, which is replaced as well
        functions=qualified("torch.nn.functional: upsample"),
    ),
    # These pools are written with functions that are replaced.
    CostRule(
        {
            OpClass.AVG_POOL_INPUTS: 1,
            OpClass.ACTIVATION_ELEMENTS: 1,
            OpClass.MUL_ELEMENTS: lambda row: prod(row.output) if len(row.operands) == 1 else 0,
        },
        functions=qualified("torch.nn.functional: lp_pool1d lp_pool2d lp_pool3d"),
    ),
    CostRule(
        {OpClass.MATMUL_MACS: _with_last_size, OpClass.LINEAR_MACS: _with_last_size},
        functions=_PRODUCTS,
    ),
    CostRule(
        {OpClass.MATMUL_MACS: _with_summand, OpClass.LINEAR_MACS: _with_summand},
        functions=_SUMS_OF_PRODUCTS,
    ),
    CostRule(
        {OpClass.ADD_ELEMENTS: _from_the_left, OpClass.MUL_ELEMENTS: _from_the_left},
        functions=qualified("torch: add mul", "torch.Tensor: add mul"),
    ),
)


class Ptflops(Counter):
    """`get_model_complexity_info` with one backend and configuration."""

    unit = "MAC"
    extra = "counters"
    backend: ClassVar[str]
    config: ClassVar[Mapping[str, Any]] = {}

    def distribution(self) -> str:
        """The distribution has the package's name."""
        return "ptflops"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> CounterTotal:
        """Its MACs; it gives None for a model that it could not run."""
        with imported() as ptflops:
            macs, _ = ptflops.get_model_complexity_info(
                model,
                (1,),
                print_per_layer_stat=False,
                as_strings=False,
                input_constructor=lambda shape: given(model, inputs),
                backend=self.backend,
                backend_specific_config=dict(self.config),
            )
        if macs is None:
            reason = "it could not run the model, which it calls by the names of its arguments"
            raise CounterError(reason)
        return CounterTotal(int(macs))


@counter
class PtflopsPytorch(Ptflops):
    """The engine of hooks on modules of exactly known types, and of replaced functions."""

    name = "ptflops"
    rank = 50
    backend = "pytorch"
    by_calls = True
    rules: ClassVar[tuple[CostRule, ...]] = MODULE_RULES + FUNCTION_RULES

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It takes products and sizes by their factors, and attention by its inputs."""
        from shufflenet_flops.counters import closer, layer_inputs

        calls = closer.calls_of(model, inputs)
        return {
            OpClass.MATMUL_MACS.value: closer.factor_macs(calls, by_sign=False)
            - closer.unseen_keys(calls)
            - closer.left_out_summands(calls)
            + layer_inputs.own_widths(model, inputs),
            CALLED_AGAIN: closer.replaced_again(calls),
            OpClass.INTERPOLATED_ELEMENTS.value: closer.resized_by_a_scale(calls),
            **layer_inputs.misread(model, inputs, layer_inputs.ptflops_more, _recurrent),
        }

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """By the exact type of the module, and the name of the function."""
        yield from super().parts(trace, facts)
        yield from recurrent_parts(trace.calls, _recurrent)


@counter
class PtflopsModules(PtflopsPytorch):
    """The same without the functions."""

    name = "ptflops-modules"
    rank = 60
    config: ClassVar[Mapping[str, Any]] = {"count_functional": False}
    rules = MODULE_RULES

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """It takes attention by its inputs."""
        from shufflenet_flops.counters import closer, layer_inputs

        more = layer_inputs.own_widths(model, inputs)
        return {
            OpClass.MATMUL_MACS.value: more - closer.unseen_keys(closer.calls_of(model, inputs)),
            **layer_inputs.misread(model, inputs, layer_inputs.ptflops_more, _recurrent),
        }
