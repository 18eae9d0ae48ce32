"""torch's own counter over a training step, and why its total is what it is.

No other counter sees a backward pass: those that give a figure for one multiply the forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import nn

from shufflenet_flops.counters.cost_model import Part, terms_of
from shufflenet_flops.counters.miscounts import Miscount
from shufflenet_flops.counters.protocol import unavailable
from shufflenet_flops.counters.run import why_unavailable
from shufflenet_flops.counters.sandbox import call_in_sandbox
from shufflenet_flops.counters.step_cost import Shapes, fused_attention, step_miscounts, step_parts
from shufflenet_flops.counters.torch_flops import TorchFlops
from shufflenet_flops.counting.backward import Purpose, TrainingStep
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.saved import Count
from shufflenet_flops.trace.trace import Trace


@dataclass(frozen=True)
class StepMacs:
    """MACs of a training step, by what they are for; `total_macs` is of the `training` convention.

    What is `recomputed` is not in it.
    """

    forward_macs: Count
    weight_macs: Count
    input_macs: Count
    recomputed_macs: Count
    total_macs: Count

    @classmethod
    def of(cls, step: TrainingStep) -> StepMacs:
        """Those of a step."""
        weights, inputs, again = (step.parts[purpose] for purpose in Purpose)
        return cls(step.forward.macs, weights, inputs, again, step.macs)


@dataclass(frozen=True)
class PassReport:
    """What a counter says of one pass beside what its cost model predicts, in FLOPs.

    `terms` are the parts of the prediction, `residual` is reported - predicted.
    """

    reported: Count
    predicted: Count
    residual: int
    terms: Mapping[str, int]

    @classmethod
    def of(cls, reported: int, parts: Sequence[Part]) -> PassReport:
        """The report on a total whose prediction has these parts."""
        terms = terms_of(parts)
        predicted = sum(terms.values())
        return cls(reported, predicted, reported - predicted, terms)


@dataclass(frozen=True)
class StepReport:
    """A counter's total for a step, and for its passes: `forward` and `backward`.

    `miscounts` are the places where it does not count the MACs that ran.
    """

    name: str
    status: Literal["ok", "unavailable"]
    unit: Unit
    distribution: str
    version: str
    reported: int | None = None
    predicted: int | None = None
    residual: int | None = None
    passes: Mapping[str, PassReport] = field(default_factory=dict)
    miscounts: tuple[Miscount, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class StepExplanation:
    """A training step of one model from every side: its spec, its trace, torch's counter.

    `input` is the shape of the first tensor, batch first; `spec` is None for what is not of the
    zoo; `unknown_ops` are those of both passes.
    """

    model: str
    input: tuple[Count, ...]
    spec: StepMacs | None
    traced: StepMacs
    counters: Mapping[str, StepReport]
    unknown_ops: Mapping[str, Count]

    @property
    def complete(self) -> bool:
        """Whether every op is known, the sides agree, and every pass is explained."""
        reports = self.counters.values()
        return (
            not self.unknown_ops
            and self.spec in (None, self.traced)
            and not any(passed.residual for report in reports for passed in report.passes.values())
        )


def explain_step(
    model: nn.Module, inputs: Sequence[Any], trained: Trained, traced: Trace, limit_s: float
) -> StepReport:
    """torch's counter on a step of a copy of `model`, explained from the trace of such a step."""
    counter = TorchFlops()

    def run(function: Callable[[nn.Module, Sequence[Any]], Any]) -> Any:
        def in_training(twin: nn.Module, given: Sequence[Any]) -> Any:
            return function(_in_training(twin, trained), given)

        with contained():
            return call_in_sandbox(in_training, model, inputs, limit_s)

    base = unavailable(counter, "")
    report = StepReport(base.name, "unavailable", base.unit, base.distribution, base.version)
    try:
        totals = run(counter.count_step)
        passes, fused = _passes(traced, totals, None), None
        if any(passed.residual for passed in passes.values()):
            fused = run(fused_attention)
            passes = _passes(traced, totals, fused)
    except Exception as error:
        return replace(report, reason=why_unavailable(counter, model, error))
    residual = sum(passed.residual for passed in passes.values())
    return replace(
        report,
        status="ok",
        reported=sum(totals),
        predicted=sum(totals) - residual,
        residual=residual,
        passes=passes,
        miscounts=step_miscounts(traced, fused),
    )


def _passes(
    traced: Trace, totals: tuple[int, int], fused: Collection[Shapes] | None
) -> dict[str, PassReport]:
    parts = step_parts(traced, fused)
    return {
        name: PassReport.of(reported, parts[name])
        for name, reported in zip(parts, totals, strict=True)
    }


def _in_training(model: nn.Module, trained: Trained) -> nn.Module:
    """The module as the step has it: a shared parameter is trained if it is by all its names."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, param in model.named_parameters(remove_duplicate=False):
        names.setdefault(param, []).append(name)
    for param, several in names.items():
        wanted = all(trained.is_trained(name, param.requires_grad) for name in several)
        param.requires_grad_(wanted and (param.is_floating_point() or param.is_complex()))
    return model.train()
