"""Why counters disagree on one model: each total taken apart, and a given number named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from shufflenet_flops.counters import Counter, CounterReport, all_counters
from shufflenet_flops.counters.cost_model import row_parts, terms_of
from shufflenet_flops.counters.known import KNOWN
from shufflenet_flops.counters.language_rules import rules_for
from shufflenet_flops.counters.miscounts import Miscount, miscounts
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.counters.sandbox import TIME_LIMIT_S
from shufflenet_flops.counting import CONVENTIONS, Kind, Row, Table
from shufflenet_flops.counting.amount import Printed
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.counting.result import norms_of
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.arguments import tensors_of
from shufflenet_flops.trace.trace import Trace, trace


@dataclass(frozen=True)
class Explanation:
    """What every counter says of one model on one input (its first tensor, batch first), and why.

    `miscounts` are, by counter whose total is explained, the places where it does not count the
    MACs that ran. `other_versions` are, by counter, the totals of versions that differ from the
    installed one on this model. `norms` are the kinds of norms that the model has.
    """

    model: str
    input: tuple[int, ...]
    macs: int
    counters: Mapping[str, CounterReport]
    miscounts: Mapping[str, tuple[Miscount, ...]]
    other_versions: Mapping[str, Mapping[str, int]]
    norms: tuple[str, ...]
    unknown_ops: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether every op is known, and every total explained."""
        return not self.unknown_ops and not any(
            report.residual for report in self.counters.values()
        )


def explain(
    name: str,
    model: nn.Module,
    inputs: Sequence[Any],
    *,
    counters: Iterable[Counter] | None = None,
    limit_s: float = TIME_LIMIT_S,
) -> Explanation:
    """Trace `model` and run each counter on a copy of it; by default all that there are."""
    traced = trace(model, *inputs)
    chosen = all_counters() if counters is None else tuple(counters)
    reports = {
        counter.name: run_counter(counter, model, inputs, traced, limit_s=limit_s)
        for counter in chosen
    }
    return Explanation(
        name,
        _shape(inputs),
        traced.table.macs,
        reports,
        {
            counter.name: miscounts(
                counter.unit, counter.parts(traced), traced, reports[counter.name].terms
            )
            for counter in chosen
            if reports[counter.name].residual == 0  # a prediction that is off tells nothing
        },
        {
            counter.name: others
            for counter in chosen
            if reports[counter.name].residual == 0
            if (others := _other_versions(counter, traced, reports[counter.name].reported or 0))
        },
        norms_of(traced.table.rows),
        traced.unknown_ops,
    )


def _other_versions(counter: Counter, traced: Trace, reported: int) -> dict[str, int]:
    totals = {
        version: sum(part.amount for part in counter.parts_by(rules, traced))
        for version, rules in counter.versions.items()
    }
    ours = sum(part.amount for part in counter.parts_by(counter.rules_here(), traced))
    return {version: reported + total - ours for version, total in totals.items() if total != ours}


def _shape(inputs: Sequence[Any]) -> tuple[int, ...]:
    """That of the first tensor, in whatever lists and dictionaries it comes."""
    first = next(tensors_of(list(inputs)), None)
    return () if first is None else tuple(first.shape)


@dataclass(frozen=True)
class Match:
    """What a counter gives for a model written in some style, and how far a number is from it.

    `terms` are the parts of its total by op class: the convention.
    """

    counter: str
    style: str
    unit: Unit
    predicted: int
    difference: int
    terms: Mapping[str, int]


@dataclass(frozen=True)
class NamedNumber:
    """A total that was reported for a model on one input (batch first), and who gives it.

    It was printed to so many digits that counts within `half` of it look the same. `params` are
    the model's parameters, which people take for its cost too.
    """

    model: str
    input: tuple[int, ...]
    reported: int
    matches: tuple[Match, ...]
    half: int = 0
    params: int | None = None

    @property
    def is_params(self) -> bool:
        """Whether it is the number of parameters."""
        return self.params is not None and abs(self.reported - self.params) <= self.half

    def is_meant(self, match: Match) -> bool:
        """Whether the candidate's total is printed as the reported one."""
        return abs(match.difference) <= self.half


def name_number(printed: Printed, traced: Trace, nearest: int = 5) -> list[Match]:
    """Who gives `printed` for the traced model: all that round to it, or else the nearest few.

    Counters that we run, counters that we only know, our own conventions and published rules are
    asked, each for the model as it is and as it would be with its activations and pools called as
    functions.
    """
    styles = {"as it is": traced, "activations and pools as functions": with_functions(traced)}
    by_total: dict[tuple[str, int], Match] = {}
    for style, candidate in styles.items():
        for name, unit, terms in _candidates(candidate):
            if printed.unit not in (None, unit):
                continue
            predicted = sum(terms.values())
            match = Match(name, style, unit, predicted, printed.value - predicted, terms)
            by_total.setdefault((name, predicted), match)
    matches = sorted(by_total.values(), key=lambda match: abs(match.difference))
    return [match for match in matches if abs(match.difference) <= printed.half] or matches[
        :nearest
    ]


def _candidates(traced: Trace) -> Iterable[tuple[str, Unit, dict[str, int]]]:
    for counter in all_counters():
        here = terms_of(counter.parts(traced))
        yield counter.name, counter.unit, here
        for version, rules in counter.versions.items():
            there = terms_of(counter.parts_by(rules, traced))
            if sum(there.values()) != sum(here.values()):
                named = f"{counter.name} {version}" if version[0].isdigit() else version
                yield named, counter.unit, there
    for known in KNOWN:
        rows = known.select(traced.table.rows)
        yield known.name, known.unit, terms_of(row_parts(known.rules, rows))
    own = ["paper", "paper-conv", "flops"]
    if OpClass.LATER_MACS in traced.table.counts:
        own.append("causal")
    for name in own:
        convention = CONVENTIONS[name]
        terms = convention.terms(traced.table.counts)
        yield f"`{name}` convention", convention.unit, {str(key): terms[key] for key in terms}
    for name, flops in rules_for(traced):
        yield f"rule {name}", "FLOP", flops


def with_functions(traced: Trace) -> Trace:
    """The same work with no module for activations and pools, and a mean for a global pool."""
    return replace(traced, table=Table(tuple(_as_function(row) for row in traced.table.rows)))


def _as_function(row: Row) -> Row:
    if row.kind not in (Kind.ACTIVATION, Kind.POOL):
        return row
    call = row.call._replace(module="", params=())
    inputs = row.counts.get(OpClass.GLOBAL_POOL_INPUTS)
    if inputs is None:
        return row._replace(call=call)
    counts = {
        OpClass.MEAN_INPUTS: inputs,
        OpClass.MEAN_OUTPUTS: row.counts[OpClass.GLOBAL_POOL_OUTPUTS],
    }
    return row._replace(
        op="mean", counts=counts, call=call._replace(function="torch.Tensor.mean"), aten="mean"
    )
