"""What every FLOP counter looks like to us, and what we say of its total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from types import MappingProxyType
from typing import Literal, Protocol

from torch import Tensor, nn

from shufflenet_flops.counters.cost_model import Part, terms_of
from shufflenet_flops.counters.sandbox import TIME_LIMIT_S, CounterError, guarded
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class Reading:
    """What a counter said: its total, and the ops it says it does not support.

    `facts` are numbers about the run that a fingerprint needs and our trace cannot have.
    """

    reported: int
    unsupported_ops: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)


NO_FACTS: Mapping[str, int] = MappingProxyType({})


class Counter(Protocol):
    """Somebody's FLOP counter, with a fingerprint that predicts what it reports."""

    name: str
    unit: Unit
    extra: str  # the extra of this distribution that installs it; empty if always installed

    def distribution(self) -> str:
        """Name of the installed distribution that the counter comes from."""

    def count(self, model: nn.Module, inputs: Sequence[Tensor]) -> Reading:
        """Run the counter. `model` is a copy in eval mode, which it may spoil."""

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterable[Part]:
        """The fingerprint: what the counter makes of the traced work, part by part."""


@dataclass(frozen=True)
class CounterReport:
    """A counter's total beside the total that its fingerprint predicts from our trace.

    `terms` splits the prediction by op class; `weights` are those classes that the counter weighs
    alike everywhere; `residual` is reported - predicted.
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
    counter: Counter,
    model: nn.Module,
    inputs: Sequence[Tensor],
    trace: Trace,
    *,
    limit_s: float = TIME_LIMIT_S,
) -> CounterReport:
    """Run one counter on a copy of `model` and explain its total from our `trace`.

    A counter that cannot be imported, raises, takes longer than `limit_s` or changes the original
    is `unavailable`, with the reason; it never stops the command.
    """
    distribution = counter.distribution()
    report = CounterReport(
        counter.name, "unavailable", counter.unit, distribution, version_of(distribution)
    )
    try:
        reading = guarded(counter.count, model, inputs, limit_s)
    except ImportError as error:
        hint = f"; pip install 'shufflenet-flops[{counter.extra}]' has it" if counter.extra else ""
        return replace(report, reason=f"{_first_line(error)}{hint}")
    except CounterError as error:
        return replace(report, reason=str(error))
    except (Exception, SystemExit) as error:  # a script of the package's name ends the process
        return replace(report, reason=_first_line(error))
    terms, weights = predict(counter, trace, reading.facts)
    predicted = sum(terms.values())
    return replace(
        report,
        status="ok",
        reported=reading.reported,
        predicted=predicted,
        residual=reading.reported - predicted,
        terms=terms,
        weights=weights,
        unsupported_ops=dict(reading.unsupported_ops),
    )


def predict(
    counter: Counter, trace: Trace, facts: Mapping[str, int] = NO_FACTS
) -> tuple[dict[str, int], dict[str, int]]:
    """The total the counter should report, by op class, and the weight of each class.

    A class that the counter weighs differently from place to place has no single weight.
    """
    found = list(counter.parts(trace, facts))
    weights: dict[str, set[int | None]] = {}
    for part in found:
        weights.setdefault(part.term, set()).add(part.weight)
    single = {
        term: weight
        for term, found in weights.items()
        if len(found) == 1 and (weight := next(iter(found))) is not None
    }
    return terms_of(found), single


def version_of(distribution: str) -> str:
    """The installed version of a distribution, or an empty string."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
