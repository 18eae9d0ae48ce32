"""`sf.explain`: why counters disagree on a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, overload

from shufflenet_flops.api.model import AnyModel, ModelInput, source_of
from shufflenet_flops.api.result import Result
from shufflenet_flops.api.training import Training
from shufflenet_flops.counting.amount import Printed, figure, parse_printed
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.report.document import Document
from shufflenet_flops.sources import Source

if TYPE_CHECKING:
    from shufflenet_flops.counters import Counter, CounterReport
    from shufflenet_flops.counters.explain import Explanation, NamedNumber
    from shufflenet_flops.counters.training import StepExplanation, StepReport

TIMEOUT_S = 120.0


@dataclass(frozen=True, repr=False)
class Explained(Result):
    """Every counter's total for one model, taken apart; see `Explanation` for what it holds."""

    explanation: Explanation

    @property
    def macs(self) -> int:
        """The MACs that ran."""
        return self.explanation.macs

    @property
    def counters(self) -> Mapping[str, CounterReport]:
        """What each counter says, by its name: `reported`, `unit`, `terms`, `residual`, …"""
        return self.explanation.counters

    @property
    def unknown_ops(self) -> Mapping[str, int]:
        """Ops without a rule, which are not counted, and how often each ran."""
        return self.explanation.unknown_ops

    @property
    def complete(self) -> bool:
        """Whether every op is known, and every total explained."""
        return self.explanation.complete

    def document(self) -> Document:
        """What `explain` writes."""
        from shufflenet_flops.report.view.explain import (
            explain_grids,
            explain_records,
            explain_result,
        )

        return Document(
            "explain",
            None,
            [explain_result(self.explanation)],
            explain_grids(self.explanation),
            explain_records(self.explanation),
        )

    def __repr__(self) -> str:
        ran = [report for report in self.counters.values() if report.status == "ok"]
        state = "all explained" if self.complete else "not all explained"
        return (
            f"<Explained {self.explanation.model}: {figure('macs', self.macs)}, "
            f"{len(ran)} of {len(self.counters)} counters ran, {state}>"
        )


@dataclass(frozen=True, repr=False)
class Named(Result):
    """A total that somebody reported for a model, and who gives it, the nearest first."""

    number: NamedNumber

    def document(self) -> Document:
        """What `explain --reported` writes."""
        from shufflenet_flops.report.view.explain import match_grid

        return Document(
            "explain", None, [self.number], [match_grid(self.number)], self.number.matches
        )

    def __repr__(self) -> str:
        return f"<Named {self.number.reported:,}: {len(self.number.matches)} candidates>"


@dataclass(frozen=True, repr=False)
class ExplainedStep(Result):
    """A training step from its spec, its trace and torch's counter; see `StepExplanation`."""

    explanation: StepExplanation

    @property
    def macs(self) -> int:
        """The MACs of the step, under the `training` convention."""
        return self.explanation.traced.total_macs

    @property
    def counters(self) -> Mapping[str, StepReport]:
        """What torch's counter says, which is the only one that sees a backward pass."""
        return self.explanation.counters

    @property
    def unknown_ops(self) -> Mapping[str, int]:
        """Ops of both passes without a rule, which are not counted, and how often each ran."""
        return self.explanation.unknown_ops

    @property
    def complete(self) -> bool:
        """Whether every op is known, spec and trace agree, and both passes are explained."""
        return self.explanation.complete

    def document(self) -> Document:
        """What `explain --training` writes."""
        from shufflenet_flops.report.view.explain_step import step_grid

        return Document(
            "explain",
            "training",
            [self.explanation],
            [step_grid(self.explanation)],
            list(self.counters.values()),
        )

    def __repr__(self) -> str:
        state = "explained" if self.complete else "not all explained"
        return (
            f"<ExplainedStep of {self.explanation.model}: {figure('macs', self.macs)}, "
            f"torch's counter {state}>"
        )


@overload
def explain(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    counters: Sequence[str] | None = None,
    timeout_s: float = TIMEOUT_S,
    reported: None = None,
    training: Literal[False] = False,
) -> Explained: ...


@overload
def explain(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    timeout_s: float = TIMEOUT_S,
    training: Literal[True] | Training,
) -> ExplainedStep: ...


@overload
def explain(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    reported: str | float,
) -> Named: ...


def explain(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    counters: Sequence[str] | None = None,
    timeout_s: float = TIMEOUT_S,
    reported: str | float | None = None,
    training: bool | Training = False,
) -> Explained | Named | ExplainedStep:
    """Say why counters disagree on a model, down to the last FLOP.

    `model` and `input` are as for `count`, at batch 1. `counters` are names, by default all; each
    runs on a copy of the module, for at most `timeout_s` seconds. With a total that somebody
    `reported`, as it was printed ("4.13G", 4089184256), no counter is run: the result says who
    gives that total. With `training`, at any batch, the result is of a step forward and back: from
    the spec, from a trace, and by torch's own counter, the only one that sees a backward pass; of a
    `Training` it matters what is frozen and trained. Raises a ShufflenetFlopsError.
    """
    source = source_of(model, input, args)
    if training:
        if counters is not None or reported is not None:
            raise InputError("training: torch's own counter is run, and no total is named")
        asked = Training() if training is True else training
        return explain_training(source, asked.trained, timeout_s)
    if reported is None:
        return explain_source(source, chosen_counters(counters), timeout_s)
    if counters is not None:
        raise InputError("counters: no counter is run where a total is `reported`")
    if isinstance(reported, float):
        # To the digits that it has: 4.1e9 is not 4,100,000,000.
        reported = str(Decimal(str(reported)).normalize())
    return name_total(source, parse_printed(str(reported)))


def explain_source(source: Source, counters: tuple[Counter, ...], timeout_s: float) -> Explained:
    """The explanation of a source. Raises InputError unless its batch is 1."""
    from shufflenet_flops.comparison import check_memory
    from shufflenet_flops.counters.explain import explain as explain_module

    check_batch(source)
    check_memory(source)
    explanation = explain_module(
        source.name,
        source.module(),
        source.example_inputs(),
        counters=counters,
        limit_s=timeout_s,
    )
    return Explained(explanation)


def explain_training(source: Source, trained: Trained, timeout_s: float) -> ExplainedStep:
    """The explanation of a training step of a source. Raises as `Source.step` does."""
    from shufflenet_flops.comparison import check_memory
    from shufflenet_flops.counters.training import StepExplanation, StepMacs, explain_step

    check_memory(source)
    traced = source.step_trace(trained)
    assert traced.step is not None
    spec = None if source.network is None else StepMacs.of(source.step(trained)[1])
    report = explain_step(source.module(), source.example_inputs(), trained, traced, timeout_s)
    return ExplainedStep(
        StepExplanation(
            source.name,
            source.first_shape,
            spec,
            StepMacs.of(traced.step),
            {report.name: report},
            {**traced.unknown_ops, **traced.step.unknown_ops},
        )
    )


def name_total(source: Source, reported: Printed) -> Named:
    """Who gives a total for a source. Raises InputError unless its batch is 1."""
    from shufflenet_flops.counters.explain import NamedNumber, name_number

    check_batch(source)
    matches = tuple(name_number(reported, source.trace()))
    shape = source.first_shape
    # Parameters are counted without a unit.
    params = source.counted.params if reported.unit is None else None
    number = NamedNumber(source.name, shape, reported.value, matches, reported.half, params)
    return Named(number)


def chosen_counters(names: Sequence[str] | None) -> tuple[Counter, ...]:
    """The counters of these names, or all. Raises UnknownNameError."""
    from shufflenet_flops.counters import all_counters

    if isinstance(names, str):
        raise InputError(f'counters: give a list, as in counters=["{names}"]')
    known = {counter.name: counter for counter in all_counters()}
    chosen = [name for text in names or () for name in text.split(",")]
    for name in chosen:
        if name not in known:
            raise UnknownNameError("counter", name, known)
    return tuple(known[name] for name in dict.fromkeys(chosen or known))


def check_batch(source: Source) -> None:
    """Raise InputError unless the batch is 1, at which every counter is exact."""
    shape = source.first_shape
    if shape and shape[0] != 1:
        single = source.single_shape
        write = f"; write {'x'.join(map(str, single))}" if single else ""
        raise InputError(
            f"--input {source.inputs[0]}: counters are compared at batch 1, which is the first "
            f"size{write}"
        )
