"""What every FLOP counter looks like to us, and how one is run without harm to the model."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from shufflenet_flops.count import Row
from shufflenet_flops.count.convention import Unit
from shufflenet_flops.measure.trace import Trace
from shufflenet_flops.spec import OpClass

Weights = Mapping[OpClass, int]


@dataclass(frozen=True)
class Reading:
    """What a counter said: its total, and the ops it says it does not support."""

    reported: int
    unsupported_ops: Mapping[str, int] = field(default_factory=dict)


class Counter(Protocol):
    """Somebody's FLOP counter, with a fingerprint that predicts what it reports."""

    name: str
    unit: Unit

    def distribution(self) -> str:
        """Name of the installed distribution that the counter comes from."""

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Run the counter. `model` is a copy in eval mode, which it may spoil."""

    def weights(self, row: Row) -> Weights:
        """The fingerprint: what the counter makes of the work in one traced row."""


@dataclass(frozen=True)
class CounterReport:
    """A counter's total beside the total that its fingerprint predicts from our trace.

    `terms` splits the prediction by op class; `residual` is reported - predicted.
    """

    name: str
    status: Literal["ok", "unavailable"]
    unit: Unit
    distribution: str
    version: str
    reported: int | None = None
    predicted: int | None = None
    residual: int | None = None
    terms: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    unsupported_ops: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""


def run(
    counter: Counter, model: nn.Module, inputs: Sequence[Tensor], trace: Trace
) -> CounterReport:
    """Run one counter on a copy of `model` and explain its total from our `trace`.

    A counter that cannot be imported, raises, or changes the original is `unavailable`, with the
    reason; it never stops the command.
    """
    terms, weights = predict(counter, trace)
    distribution = counter.distribution()
    report = CounterReport(
        counter.name, "unavailable", counter.unit, distribution, version_of(distribution)
    )
    before = _state(model)
    try:
        with _quiet(), torch.no_grad():
            reading = counter.count(copy.deepcopy(model).eval(), inputs)
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
        return _with(report, reason=reason)
    if _state(model) != before:
        return _with(report, reason="it changed the original model")
    predicted = sum(terms.values())
    return _with(
        report,
        status="ok",
        reported=reading.reported,
        predicted=predicted,
        residual=reading.reported - predicted,
        terms=terms,
        weights=weights,
        unsupported_ops=dict(reading.unsupported_ops),
    )


def predict(counter: Counter, trace: Trace) -> tuple[dict[str, int], dict[str, int]]:
    """The total the counter should report, by op class, and the weight of each class.

    A class that the counter weighs differently from row to row has no single weight.
    """
    terms: Tally[str] = Tally()
    weights: dict[str, set[int]] = {}
    for row in trace.table.rows:
        for op_class, weight in counter.weights(row).items():
            amount = row.counts.get(op_class, 0)
            if amount and weight:
                terms[op_class.value] += weight * amount
                weights.setdefault(op_class.value, set()).add(weight)
    single = {name: values.pop() for name, values in weights.items() if len(values) == 1}
    return dict(terms), single


def version_of(distribution: str) -> str:
    """The installed version of a distribution, or an empty string."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _with(report: CounterReport, **changes: object) -> CounterReport:
    return CounterReport(**{**vars(report), **changes})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Counters print, warn and log about what they find; none of it is our output."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _state(model: nn.Module) -> list[object]:
    """What must not change: modes, hooks, attributes, and every tensor with its write counter."""
    return [
        (
            name,
            module.training,
            tuple(vars(module)),
            tuple(module._forward_hooks),
            tuple(module._forward_pre_hooks),
            [
                (key, id(tensor), tensor._version)
                for key, tensor in (*module._parameters.items(), *module._buffers.items())
                if tensor is not None
            ],
        )
        for name, module in model.named_modules()
    ]
