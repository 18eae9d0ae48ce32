"""ptflops: an engine that watches aten ops, and one of module hooks and replaced functions."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

from torch import Tensor, nn

from shufflenet_flops.counters.cost_model import (
    ADAPTIVE_AVERAGE_POOLS,
    ADAPTIVE_MAX_POOLS,
    AVERAGE_POOLS,
    BATCH_NORMS,
    CONVOLUTIONS,
    INSTANCE_NORMS,
    MACS,
    MAX_POOLS,
    POOL_FUNCTIONS,
    REPLACED_ACTIVATIONS,
    TRANSPOSED,
    Part,
    Rule,
    affine,
    functions,
    is_attention,
    is_not_attention,
    parts,
    types,
)
from shufflenet_flops.counters.protocol import NO_FACTS, Reading
from shufflenet_flops.counters.torch_flops import unfused_attention
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.trace import Trace

ATEN_RULES = (
    Rule(
        MACS,
        aten=frozenset("convolution linear matmul mm addmm bmm".split()),
        when=is_not_attention,
    ),
    Rule({OpClass.CONV_BIAS_ADDS: 1}, aten=frozenset({"convolution"})),
    Rule({OpClass.LINEAR_BIAS_ADDS: 1}, aten=frozenset({"linear", "addmm"})),
    Rule({OpClass.MATMUL_MACS: 1}, when=unfused_attention),
)

_MULTI_HEAD = types("MultiheadAttention")
_TIMM_ATTENTION = frozenset({"timm.layers.attention.Attention"})
_ATTENTION = _MULTI_HEAD | _TIMM_ATTENTION
_NORMS = BATCH_NORMS | INSTANCE_NORMS | types("GroupNorm")


def _times(row: Row) -> int:
    """The sum over the tree meets a module once per parent, but looks into no known module."""
    hidden = any(name in _ATTENTION for name in row.call.within)
    return 0 if hidden else row.call.occurrences


def _queries(row: Row) -> int:
    return prod(row.operands[0])


def _scaling(row: Row) -> bool:
    """The multiplication of the queries where attention is written out."""
    return row.op == "mul" and row.aten == "mul"


def _scaling_without_bias(row: Row) -> bool:
    return _scaling(row) and "in_proj_bias" not in row.call.params


def _fused_without_bias(row: Row) -> bool:
    return is_attention(row) and "in_proj_bias" not in row.call.params


def _rule(names: frozenset[str], **weights: int) -> Rule:
    return Rule({OpClass(key): weight for key, weight in weights.items()}, names, times=_times)


MODULE_RULES = (
    _rule(CONVOLUTIONS | TRANSPOSED, conv_macs=1, conv_bias_adds=1),
    _rule(types("Linear"), linear_macs=1, linear_bias_adds=1),
    Rule({OpClass.NORM_ELEMENTS: 2}, _NORMS, when=affine, times=_times),
    Rule({OpClass.NORM_ELEMENTS: 1}, _NORMS, when=lambda row: not affine(row), times=_times),
    _rule(types("LayerNorm"), norm_elements=1),
    _rule(types("ReLU PReLU ELU LeakyReLU ReLU6 GELU"), activation_elements=1),
    _rule(MAX_POOLS | ADAPTIVE_MAX_POOLS, max_pool_inputs=1),
    _rule(AVERAGE_POOLS, avg_pool_inputs=1),
    _rule(ADAPTIVE_AVERAGE_POOLS, global_pool_inputs=1),
    _rule(types("Upsample"), interpolated_elements=1),
    # Scaling of the queries, two products and a softmax; the module's own projections with it.
    _rule(_ATTENTION, linear_macs=1, linear_bias_adds=1, matmul_macs=1, softmax_elements=1),
    Rule({OpClass.MUL_ELEMENTS: 1}, _ATTENTION, when=_scaling, times=_times),
    Rule({OpClass.SOFTMAX_ELEMENTS: _queries}, _ATTENTION, when=is_attention, times=_times),
    # The output's bias counts even where there is none.
    Rule({OpClass.MUL_ELEMENTS: 1}, _MULTI_HEAD, when=_scaling_without_bias, times=_times),
    Rule({OpClass.SOFTMAX_ELEMENTS: _queries}, _MULTI_HEAD, when=_fused_without_bias, times=_times),
)

_IN_MULTI_HEAD = functions("torch.nn.functional: multi_head_attention_forward")
_POOL_INPUTS = {
    OpClass.MAX_POOL_INPUTS: 1,
    OpClass.AVG_POOL_INPUTS: 1,
    OpClass.GLOBAL_POOL_INPUTS: 1,
}
_PRODUCTS = functions("torch: matmul mm bmm", "torch.Tensor: matmul mm bmm")
_SUMS_OF_PRODUCTS = functions("torch: addmm baddbmm", "torch.Tensor: addmm")


def _with_summand(row: Row) -> int:
    return row.macs + prod(row.operands[0])


# Functions are replaced under their names, so that modules of torch run into them too.
FUNCTION_RULES = (
    Rule({OpClass.ACTIVATION_ELEMENTS: 1}, functions=REPLACED_ACTIVATIONS),
    Rule(_POOL_INPUTS, functions=POOL_FUNCTIONS),
    Rule({OpClass.SOFTMAX_ELEMENTS: 1}, functions=functions("torch.nn.functional: softmax")),
    Rule(
        {OpClass.SOFTMAX_ELEMENTS: 1, OpClass.MATMUL_MACS: 1},
        functions=_IN_MULTI_HEAD,
        when=lambda row: is_not_attention(row) and row.aten != "baddbmm",
    ),
    Rule(
        {OpClass.MATMUL_MACS: _with_summand},
        functions=_IN_MULTI_HEAD,
        aten=frozenset({"baddbmm"}),
    ),
    Rule(
        {OpClass.AVG_POOL_INPUTS: 1, OpClass.MUL_ELEMENTS: 1, OpClass.ADD_ELEMENTS: 1},
        functions=functions("torch.nn.functional: local_response_norm"),
    ),
    Rule(
        {OpClass.INTERPOLATED_ELEMENTS: 1},
        functions=functions("torch.nn.functional: interpolate"),
    ),
    Rule(
        {OpClass.INTERPOLATED_ELEMENTS: 2},  # it calls interpolate, which is replaced as well
        functions=functions("torch.nn.functional: upsample"),
    ),
    Rule({OpClass.MATMUL_MACS: 1, OpClass.LINEAR_MACS: 1}, functions=_PRODUCTS),
    Rule(
        {OpClass.MATMUL_MACS: _with_summand, OpClass.LINEAR_MACS: _with_summand},
        functions=_SUMS_OF_PRODUCTS,
    ),
    Rule({OpClass.ADD_ELEMENTS: 1}, functions=functions("torch: add", "torch.Tensor: add")),
    Rule({OpClass.MUL_ELEMENTS: 1}, functions=functions("torch: mul", "torch.Tensor: mul")),
)


class Ptflops:
    """`get_model_complexity_info` with one backend and configuration."""

    unit: Unit = "MAC"
    extra = "counters"

    def __init__(
        self, name: str, rules: tuple[Rule, ...], backend: str, config: Mapping[str, Any]
    ) -> None:
        self.name = name
        self._rules = rules
        self._backend = backend
        self._config = dict(config)

    def distribution(self) -> str:
        """The distribution has the package's name."""
        return "ptflops"

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Its MACs; it gives None for a model that it could not run."""
        with _imported() as ptflops:
            macs, _ = ptflops.get_model_complexity_info(
                model,
                (1,),
                print_per_layer_stat=False,
                as_strings=False,
                input_constructor=lambda shape: _batch(model, inputs),
                backend=self._backend,
                backend_specific_config=self._config,
            )
        if macs is None:
            raise RuntimeError("it could not run the model")
        return Reading(int(macs))

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterable[Part]:
        """By aten op, or by exact module type and function name."""
        return parts(self._rules, trace)


def _batch(model: nn.Module, inputs: Sequence[Tensor]) -> Tensor | dict[str, Tensor]:
    """One image as it is, anything else by the names of the arguments.

    ptflops divides what its hooks find, and nothing else, by the batch of the first argument.
    """
    if len(inputs) == 1 and inputs[0].shape[:1] == (1,):
        return inputs[0]
    return dict(zip(inspect.signature(model.forward).parameters, inputs, strict=False))


@contextmanager
def _imported() -> Iterator[Any]:
    """ptflops, imported anew.

    It imports torchvision and timm, if they are installed, to know two of their classes. No model
    has one of these unless they are imported already; a torchvision that does not match torch
    would cost the counter.
    """
    hidden = [name for name in ("torchvision", "timm") if name not in sys.modules]
    known = {name: module for name, module in sys.modules.items() if _is_part(name)}
    for name in known:
        del sys.modules[name]
    for name in hidden:
        # The documented way to make an import fail, unknown to the type hints.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield importlib.import_module("ptflops")
    finally:
        for name in [*hidden, *filter(_is_part, list(sys.modules))]:
            del sys.modules[name]
        sys.modules.update(known)


def _is_part(name: str) -> bool:
    return name.split(".")[0] == "ptflops"


PTFLOPS_ATEN = Ptflops("ptflops-aten", ATEN_RULES, "aten", {})
PTFLOPS_PYTORCH = Ptflops("ptflops", MODULE_RULES + FUNCTION_RULES, "pytorch", {})
PTFLOPS_MODULES = Ptflops("ptflops-modules", MODULE_RULES, "pytorch", {"count_functional": False})
