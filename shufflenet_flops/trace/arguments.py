"""Arguments and results of op calls: found, changed, put in order, made again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.fast.meta import META

Make = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with every tensor in it changed; lists, tuples and dicts are rebuilt."""
    if isinstance(value, Tensor):
        return change(value)
    kind = value.__class__
    if kind is tuple or kind is list:
        return kind([map_tensors(change, item) for item in value])
    if kind is dict:
        return {key: map_tensors(change, item) for key, item in value.items()}
    if hasattr(value, "_fields"):  # a named tuple, as a packed sequence is
        return kind(*(map_tensors(change, item) for item in value))
    return value


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_of(item)
    elif isinstance(value, Mapping):
        yield from tensors_of(list(value.values()))


def maker(
    out: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seen_args: tuple[Any, ...],
    seen_kwargs: Mapping[str, Any],
) -> Make:
    """Makes `out` again: an op in place gives its own argument back, others a new tensor."""
    for i, seen in enumerate(seen_args):
        if out is seen:
            return lambda args, kwargs: args[i]
    for name, seen in seen_kwargs.items():
        if out is seen:
            return lambda args, kwargs: kwargs[name]
    if isinstance(out, Tensor):
        if not out.numel():
            return lambda args, kwargs: out  # such as the statistics that a norm does not return
        shape, stride, dtype = out.shape, out.stride(), out.dtype
        return lambda args, kwargs: torch.empty_strided(shape, stride, dtype=dtype, device=META)
    if isinstance(out, tuple | list):
        makers = [maker(part, args, kwargs, seen_args, seen_kwargs) for part in out]
        kind = list if isinstance(out, list) else tuple
        return lambda args, kwargs: kind([make(args, kwargs) for make in makers])
    return lambda args, kwargs: out


@functools.cache
def arguments_of(func: Any) -> tuple[tuple[str, Any], ...]:
    """Names and defaults of an op's arguments, in order."""
    return tuple((argument.name, argument.default_value) for argument in func._schema.arguments)


def in_order(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """All arguments in the order of the op's schema."""
    rest = arguments_of(func)[len(args) :]
    return (*args, *(kwargs.get(name, default) for name, default in rest))


def position(tensors: Sequence[Tensor], tensor: Tensor) -> int:
    return next(i for i, other in enumerate(tensors) if other is tensor)
