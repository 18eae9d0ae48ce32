"""Run a counter, and set its total beside what its cost model predicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from shufflenet_flops.counters.cost_model import terms_of
from shufflenet_flops.counters.miscounts import suspects
from shufflenet_flops.counters.protocol import (
    NO_FACTS,
    Counter,
    CounterError,
    CounterReport,
    unavailable,
)
from shufflenet_flops.counters.sandbox import TIME_LIMIT_S, call_in_sandbox
from shufflenet_flops.extras import install_command
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.trace.trace import Trace

Look = Callable[[nn.Module, Sequence[Any]], Mapping[str, int]]


def run_counter(
    counter: Counter,
    model: nn.Module,
    inputs: Sequence[Any],
    trace: Trace,
    *,
    limit_s: float = TIME_LIMIT_S,
) -> CounterReport:
    """Run one counter on a copy of `model` and explain its total from our `trace`.

    A counter that cannot be imported, raises, takes longer than `limit_s` or changes the original
    is `unavailable`, with the reason; it never stops the command.
    """
    try:
        with contained():
            total = call_in_sandbox(counter.count, model, inputs, limit_s)
    except Exception as error:
        return unavailable(counter, why_unavailable(counter, model, error))
    look = partial(_look, model=model, inputs=inputs, limit_s=limit_s)
    terms, weights = predict(counter, trace)
    if sum(terms.values()) != total.reported:
        terms, weights = predict(counter, trace, look(counter.look_closer))
    is_off = sum(terms.values()) != total.reported
    if is_off and trace.as_called is not None and (seen := look(counter.under_transforms)):
        terms, weights = {term: amount for term, amount in seen.items() if amount}, {}
    predicted = sum(terms.values())
    return replace(
        unavailable(counter, ""),
        status="ok",
        reported=total.reported,
        predicted=predicted,
        residual=total.reported - predicted,
        terms=terms,
        weights=weights,
        unsupported_ops=dict(total.unsupported_ops),
        suspects=suspects(total.reported - predicted, trace),
    )


def _look(look: Look, model: nn.Module, inputs: Sequence[Any], limit_s: float) -> Mapping[str, int]:
    """What a closer look finds; nothing where it cannot be taken, and the residual stays."""
    try:
        with contained():
            return call_in_sandbox(look, model, inputs, limit_s)
    except Exception:
        return NO_FACTS


def predict(
    counter: Counter, trace: Trace, facts: Mapping[str, int] = NO_FACTS
) -> tuple[dict[str, int], dict[str, int]]:
    """The total the counter should report, by op class, and the weight of each class.

    A class that the counter weighs differently from place to place has no single weight.
    """
    parts = list(counter.parts(trace, facts))
    weights: dict[str, set[int | None]] = {}
    for part in parts:
        weights.setdefault(part.term, set()).add(part.weight)
    single = {
        term: weight
        for term, of_term in weights.items()
        if len(of_term) == 1 and (weight := next(iter(of_term))) is not None
    }
    return terms_of(parts), single


def why_unavailable(counter: Counter, model: nn.Module, error: Exception) -> str:
    """Why a counter has no total for a model, from what it raised."""
    if isinstance(error, ImportError):
        hint = f": {install_command(counter.extra)}" if counter.extra else ""
        return f"{_first_line(error)}{hint}"
    known = isinstance(error, CounterError)
    return _why(model, str(error) if known else _failure(counter, error))


def _why(model: nn.Module, line: str) -> str:
    """The reason, with what would help, where that is known."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        return (
            "it cannot look into a scripted or traced module; give it the module as it was before "
            f"torch.jit ({line})"
        )
    return line


def _failure(counter: Counter, error: BaseException) -> str:
    line = _first_line(error)
    began = counter.name in sys.modules  # its package is not, where it failed at import
    return f"{counter.failing}: {line}" if counter.failing and began else line


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
