"""What a training step costs, and how its parts are confirmed."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops.counters.training import StepExplanation
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.counting.training import TRAINING_CONVENTIONS, TrainingResult
from shufflenet_flops.report.grid import percent
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.sections.peak import peak_pictures
from shufflenet_flops.report.view.count import count_peak
from shufflenet_flops.report.view.explain_step import step_grid
from shufflenet_flops.report.view.training import training_grid

_CONVENTION = f"`training`, in MACs: {TRAINING_CONVENTIONS['training']}."


def counted_step(result: CountResult, training: TrainingResult) -> Section:
    """The step of a count: its passes by stage, with every layer to look closer."""
    total, backward = training.total_macs, training.backward_macs
    stages, layers = (training_grid(result, training, by) for by in ("stage", "layer"))
    return Section(
        name=f"training-{result.model}",
        question=f"What does a training step of {result.model} cost?",
        findings=(
            f"{total:,} MACs, of which {percent(backward, total)} are in the backward pass.",
            f"{training.params:,} parameters are trained, of {result.params:,}.",
        )
        if total
        else ("It has no MACs.",),
        grids=(stages, *count_peak(result)),
        pictures=peak_pictures(result),
        details=(replace(layers, title=f"{layers.title}, layer by layer"),),
        convention=f"{_CONVENTION} Input {' '.join(result.inputs)}.",
    )


def explained_step(explanation: StepExplanation) -> Section:
    """The step of `explain --training`."""
    total = explanation.traced.total_macs
    state = (
        "Every op is known, and nothing is unexplained."
        if explanation.complete
        else "Not all of it is explained."
    )
    return Section(
        name="explain-training",
        question=f"Who says what of a training step of {explanation.model}?",
        findings=(f"{total:,} MACs ran in both passes.", state),
        grids=(step_grid(explanation),),
        convention=f"{_CONVENTION} A counter has its own unit.",
    )
