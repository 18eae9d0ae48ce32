"""What an op does with memory beside making its results, and which of these the CPU makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import torch

from shufflenet_flops.trace.layouts import is_flat
from shufflenet_flops.trace.rules import FREE
from shufflenet_flops.trace.torch_private import written_arguments
from shufflenet_flops.trace.workspace import RULES, Rule

aten = torch.ops.aten


class OpMemory(NamedTuple):
    """What an op does with memory, whatever it is called with."""

    name: str
    may_alias: bool  # whether it may give back memory that it was given
    results: Callable[[str, Any, Any], Any] | None  # those that the CPU makes, if not all
    dropped: Callable[[Any, Any], Sequence[int]] | None
    workspace: Rule | None


@cache
def memory_of(func: Any) -> OpMemory:
    """The same for every call of an op."""
    packet = func.overloadpacket
    may_alias = packet in FREE or bool(written_arguments(func))
    return OpMemory(
        packet.__name__, may_alias, _RESULTS.get(func), _DROPPED.get(func), RULES.get(func)
    )


def _number(function: str, args: Any, out: Any) -> Any:
    """One that is written to a tensor is none itself."""
    return out if function == "scalar_tensor" else None


def _batch_norm(function: str, args: Any, out: Any) -> Any:
    """Statistics are saved in training alone."""
    return out if args[5] else out[0]


_RESULTS = {aten.scalar_tensor.default: _number, aten.native_batch_norm.default: _batch_norm}


def _layer_norm(args: Any, out: Any) -> Sequence[int]:
    if out[1] is not None:
        return ()
    x, axes, weight = args[:3]
    statistics = prod(x.shape[: x.dim() - len(axes)])
    itemsize = x.element_size() if weight is None else weight.element_size()
    return (statistics * itemsize,) * 2


def _attention(args: Any, out: Any) -> Sequence[int]:
    return (4 * prod(args[0].shape[:-1]),)  # the logarithm of each query's sum of exponentials


def _linear(args: Any, out: Any) -> Sequence[int]:
    x = args[0]
    return () if is_flat(x) else (x.numel() * x.element_size(),)  # a copy of the input


# Bytes of results that torch's own functions drop at once, where the trace makes none.
_DROPPED = {
    aten.native_layer_norm.default: _layer_norm,
    aten.scaled_dot_product_attention.default: _attention,
    aten.linear.default: _linear,
}
