"""Calls of ops that are known already: what each returns and does, by its signature."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from shufflenet_flops.trace.arguments import META
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.facts import Facts
from shufflenet_flops.trace.fast.meta import infer
from shufflenet_flops.trace.meta_kernels import run_on_meta
from shufflenet_flops.trace.torch_private import Written, written_arguments
from shufflenet_flops.trace.worked_out import WorkedOut

Make = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]


Known = tuple[Make, Facts | None, Written]


class KnownCalls:
    """Results and facts of calls, of all traces that share it: they depend on nothing else.

    At most `limit` calls are kept; then it starts anew. It holds no tensor of a model.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: dict[Any, Known] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()

    def find(
        self,
        func: Any,
        function: str,
        tensors: Sequence[Tensor | None],
        others: tuple[Any, ...],
        trained: Mapping[int, bool],
    ) -> tuple[Make, Facts, Written, tuple[Any, ...], list[Tensor]] | None:
        """What is known of the op called by that function, on stand-ins, where it does any work.

        `others` are no tensors. All arguments follow it, and the tensors among them.
        """
        args = (*tensors, *others)
        parts: list[Any] = [*map(type, args)]
        operands: list[Tensor] = []
        for tensor in tensors:
            if tensor is None:
                parts.append(None)
            elif tensor.__class__ in _TENSORS:
                operands.append(tensor)
                parts += (tensor.shape, tensor.stride(), tensor.dtype, trained.get(id(tensor)))
            else:
                return None  # a class of somebody's own is not asked here
        known = self._calls.get((func, function, (*parts, *others)))
        if known is None or not operands[0].is_meta:
            return None
        make, facts, written = known
        if facts is None or (len(operands) > 1 and _has_twins(operands)):
            return None
        return make, facts, written, args, operands

    def work_out(
        self, tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> WorkedOut:
        """A call, worked out only where none of its signature has been."""
        operands: list[Tensor] = []
        trained = tracer.state.trained
        key: Any = (func, tracer.function, _signature(args, operands, trained))
        if kwargs:
            key = (*key, *kwargs, _signature(kwargs.values(), operands, trained))
        if len(operands) > 1 and _has_twins(operands):
            key = (*key, *(_position(operands, tensor) for tensor in operands))
        known = self._calls.get(key)
        if known is not None:
            make, does, written = known
            return make(args, kwargs), does, operands, written
        make = _outcome(tracer, func, args, kwargs)
        out = make(args, kwargs)
        facts = tracer.facts(func, args, kwargs, operands, out)
        written = written_arguments(func)
        if isinstance(facts, str):
            return out, facts, operands, written  # a formula may be supplied later
        if len(self._calls) >= self._limit:
            self._calls.clear()
        self._calls[key] = (make, facts, written)
        return out, facts, operands, written


def _has_twins(operands: list[Tensor]) -> bool:
    """Whether one tensor stands twice among them."""
    if len(operands) == 2:  # as most have
        return operands[0] is operands[1]
    return len(set(map(id, operands))) < len(operands)


def _signature(
    values: Collection[Any], operands: list[Tensor], trained: Mapping[int, bool]
) -> tuple[Any, ...]:
    """All that a result's shape and the op's work depend on; adds tensors to `operands`."""
    parts: list[Any] = [*map(type, values)]  # 1, 1.0 and True are equal
    for value in values:
        kind = value.__class__
        if kind in _NUMBERS:
            parts.append(value)
        elif kind in _TENSORS or isinstance(value, Tensor):
            operands.append(value)
            parts += (value.shape, value.stride(), value.dtype, trained.get(id(value)))
        elif kind is list:  # torch's own calls have lists, of tensors or of numbers
            parts.append(_signature(value, operands, trained))
        else:
            parts.append(value)
    return tuple(parts)


_NUMBERS = frozenset({int, float, bool, tuple, type(None)})  # that are seen at once to be no tensor
_TENSORS = frozenset({Tensor, nn.Parameter})


def _outcome(tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Make:
    """How to make what the op returns, for these and all arguments of the same signature."""
    out = infer(func, args, kwargs)
    if out is not None:
        return _maker(out, args, kwargs)
    meta_args, meta_kwargs = tracer.on_meta(func, args, kwargs)
    make = _maker(run_on_meta(func, meta_args, meta_kwargs), meta_args, meta_kwargs)
    if tracer.lifetimes is not None:
        gc.collect(0)  # torch's Python kernels leave frames behind, which keep tensors alive
    return make


def _maker(out: Any, seen_args: tuple[Any, ...], seen_kwargs: Mapping[str, Any]) -> Make:
    """Makes `out` again: an op in place gives its own argument back, others a new tensor."""
    for i, seen in enumerate(seen_args):
        if out is seen:
            return lambda args, kwargs: args[i]
    for name, seen in seen_kwargs.items():
        if out is seen:
            return lambda args, kwargs: kwargs[name]
    if isinstance(out, Tensor):
        # Torch reads a tuple in half the time of its own Size.
        shape, stride, dtype = tuple(out.shape), out.stride(), out.dtype
        return lambda args, kwargs: torch.empty_strided(shape, stride, dtype=dtype, device=META)
    if isinstance(out, tuple) and all(part is None for part in out[1:]):
        first, *rest = out
        make = _maker(first, seen_args, seen_kwargs)
        return lambda args, kwargs: (make(args, kwargs), *rest)
    if isinstance(out, tuple | list):
        makers = [_maker(part, seen_args, seen_kwargs) for part in out]
        kind = list if isinstance(out, list) else tuple
        return lambda args, kwargs: kind([make(args, kwargs) for make in makers])
    return lambda args, kwargs: out


def _position(tensors: Sequence[Tensor], tensor: Tensor) -> int:
    return next(i for i, other in enumerate(tensors) if other is tensor)
