"""Torch's operators that take functions: each as the calls of these that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from shufflenet_flops.trace import torch_private

if TYPE_CHECKING:
    from shufflenet_flops.trace.dispatch_mode import Tracer

aten = torch.ops.aten
Function = Callable[..., Any]


def _is_true(condition: Any) -> bool:
    if isinstance(condition, Tensor) and condition.is_meta:
        # As torch raises where a tensor without data is asked: a run on real values follows.
        raise NotImplementedError("a condition depends on values")
    return bool(condition)


def _cond(tracer: Tracer, condition: Any, yes: Function, no: Function, operands: Any = ()) -> Any:
    """The branch that is taken."""
    return (yes if _is_true(condition) else no)(*operands)


def _while_loop(
    tracer: Tracer, goes_on: Function, body: Function, carried: Any, rest: Any = ()
) -> Any:
    while _is_true(goes_on(*carried, *rest)):
        carried = body(*carried, *rest)
    return tuple(carried)


def _scan(
    tracer: Tracer,
    combine: Function,
    carried: Sequence[Any],
    series: Sequence[Tensor],
    rest: Any = (),
) -> Any:
    """One call for each step along the first axis: what is carried on, and what is given out."""
    count, outputs = len(carried), []
    for step in zip(*series, strict=True):
        result = combine(*carried, *step, *rest)
        carried = result[:count]
        outputs.append(result[count:])
    return [*carried, *map(torch.stack, zip(*outputs, strict=True))]


def _map(tracer: Tracer, function: Function, series: Sequence[Tensor], rest: Any = ()) -> Any:
    outputs = [function(*step, *rest) for step in zip(*series, strict=True)]
    return list(map(torch.stack, zip(*outputs, strict=True)))


def _flex_attention(
    tracer: Tracer, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **kwargs: Any
) -> Any:
    """Attention; what changes its scores, and masked blocks, count for nothing here."""
    named = {"enable_gqa": True} if query.shape[1] != key.shape[1] else {}
    with torch_private.without_functions(), tracer.unseen():
        y = tracer.op(aten.scaled_dot_product_attention.default, (query, key, value, None), named)
    sums = query.new_empty(query.shape[:-1], dtype=torch.float32)
    return y, sums, sums


HIGHER_ORDER: Mapping[str, Function] = MappingProxyType(
    {
        "cond": _cond,
        "while_loop": _while_loop,
        "scan": _scan,
        "map_impl": _map,
        "flex_attention": _flex_attention,
    }
)
