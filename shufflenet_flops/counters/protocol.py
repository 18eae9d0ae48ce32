"""What every FLOP counter looks like to us, and what we say of its total."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from shufflenet_flops.counters.cost_model import CostRule, Part, as_it_ran, row_parts
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.convention import Unit

if TYPE_CHECKING:
    from torch import nn

    from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class CounterTotal:
    """What a counter said: its total, in its unit, and the ops it says it does not support."""

    reported: int
    unsupported_ops: Mapping[str, int] = field(default_factory=dict)


class CounterError(Exception):
    """Why a counter's total cannot be used."""


NO_FACTS: Mapping[str, int] = MappingProxyType({})


class Counter(ABC):
    """Somebody's FLOP counter, with a cost model that predicts what it reports.

    Torch and the counter's package are imported in `count`: a cost model is of use without them.
    """

    name: ClassVar[str]
    unit: ClassVar[Unit]
    rank: ClassVar[int]  # the order in which counters are shown, least first
    in_compare: ClassVar[bool] = False  # `compare` runs it, and not only `explain`
    extra: ClassVar[str] = ""  # the extra of this distribution that installs it, if one does
    failing: ClassVar[str] = ""  # what it does first, and where it fails most
    by_calls: ClassVar[bool] = False  # of transforms such as `torch.vmap` it sees what they call
    one_thread: ClassVar[bool] = False  # it sees nothing of what other threads run
    rules: ClassVar[tuple[CostRule, ...]] = ()
    versions: ClassVar[Mapping[str, tuple[CostRule, ...]]] = MappingProxyType({})  # rules of each

    def distribution(self) -> str:
        """Name of the installed distribution that the counter comes from; by default its own."""
        return self.name

    def rules_here(self) -> tuple[CostRule, ...]:
        """The rules of the installed version."""
        return self.rules

    @abstractmethod
    def count(self, model: nn.Module, inputs: Sequence[Any]) -> CounterTotal:
        """Run the counter. `model` is a copy in eval mode, which it may spoil."""

    def look_closer(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """Facts about the run that our trace cannot have: what each adds to the total, by term.

        Asked for only where the rules leave something over. `model` is a copy, as for `count`.
        """
        return NO_FACTS

    def under_transforms(self, model: nn.Module, inputs: Sequence[Any]) -> Mapping[str, int]:
        """What it makes, by term, of all that it sees of transforms of `torch.func` and the rest.

        Asked for where transforms are at work and the rules leave something over: a trace has what
        runs in the end, and not what each level dispatches. `model` is a copy, as for `count`.
        """
        return NO_FACTS

    def parts(self, trace: Trace, facts: Mapping[str, int] = NO_FACTS) -> Iterator[Part]:
        """The cost model: what the counter makes of the traced work, by its rules, and of facts."""
        yield from self.parts_by(self.rules_here(), trace)
        for term, amount in facts.items():
            if amount:
                yield Part("", term, amount)

    def parts_by(self, rules: tuple[CostRule, ...], trace: Trace) -> Iterator[Part]:
        """What the counter makes of the traced work by these rules."""
        rows: Iterable[Row] = trace.table.rows
        if self.by_calls and trace.as_called is not None:
            rows = trace.as_called
        if trace.real_forward:
            rows = as_it_ran(rows)
        if self.one_thread:
            rows = (row for row in rows if not row.call.apart)
        return row_parts(rules, rows)


@dataclass(frozen=True)
class CounterReport:
    """A counter's total beside the total that its cost model predicts from our trace.

    `terms` splits the prediction by op class; `weights` are those classes that the counter weighs
    alike everywhere; `residual` is reported - predicted, `suspects` the ops that may make it.
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
    suspects: tuple[str, ...] = ()
    reason: str = ""


def unavailable(counter: Counter, reason: str) -> CounterReport:
    """The report on a counter that has no total to give, and why."""
    from importlib import metadata

    distribution = counter.distribution()
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = ""
    return CounterReport(
        counter.name, "unavailable", counter.unit, distribution, version, reason=reason
    )
