"""A training step: its forward and backward pass by stage or by layer, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.counting import Grouping
from shufflenet_flops.counting.amount import figure
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.counting.table import group_of
from shufflenet_flops.counting.training import (
    OPTIMIZERS,
    TRAINING_CONVENTIONS,
    RunResult,
    SpeedResult,
    TrainingLayer,
    TrainingResult,
)
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent, scale_within
from shufflenet_flops.report.view.count import count_caveats
from shufflenet_flops.report.view.lines import ROOT, or_dash

_HEADINGS = {
    "forward_macs": "forward",
    "weight_macs": "back by\nweights",
    "input_macs": "back by\ninputs",
    "recomputed_macs": "done\nagain",
    "total_macs": "total",
}


def training_grid(result: CountResult, training: TrainingResult, by: Grouping) -> Grid:
    """One line for each group of layers, with the share of the step, then the total and notes."""
    groups: dict[str, list[TrainingLayer]] = {}
    for layer in training.layers:
        groups.setdefault(group_of(layer.path, layer.kind, by) or ROOT, []).append(layer)
    names = [name for name in _HEADINGS if name != "recomputed_macs" or training.recomputed_macs]
    scale = scale_within("M", 3, training.total_macs)
    lines = {**groups, "total": list(training.layers)}
    rows: list[list[Cell | str]] = []
    for name, layers in lines.items():
        sums = {key: sum(getattr(layer, key) for layer in layers) for key in names}
        share = percent(sums["total_macs"], training.total_macs)
        rows.append([name, *(or_dash(macs, scale) for macs in sums.values()), share])
    headings = [
        Column(by, figures=False, path=True),
        *(Column(f"{_HEADINGS[name]}\n{scale.prefix}MAC") for name in names),
        Column("share"),
    ]
    title = f"a training step of {result.model} on {' '.join(result.inputs)}"
    return grid(title, headings, rows, training_notes(result, training))


def training_notes(result: CountResult, training: TrainingResult) -> list[str]:
    """The totals by convention, the optimiser, the run, and what is not counted."""
    update = training.update
    optimizer = OPTIMIZERS[update.optimizer]
    totals = (training.total_macs, training.hardware_macs)
    left = result.params - training.params
    frozen = f", {left:,} are frozen, or no gradient reaches them" if left else ""
    several = f" ({training.accumulate} batches)" if training.accumulate > 1 else ""
    notes = [
        f"{macs:,} MACs under `{name}`: {meaning}{several}"
        for macs, (name, meaning) in zip(totals, TRAINING_CONVENTIONS.items(), strict=True)
    ]
    if training.recomputed_macs == 0:
        notes.pop()
    notes += [
        f"backward is {training.backward_macs / training.forward_macs:.4f} times forward"
        if training.forward_macs
        else "the forward pass has no MACs",
        f"{training.params:,} parameters are trained{frozen}; "
        f"{update.optimizer} ({optimizer.meaning}) takes {update.flops:,} FLOPs for an update, and "
        f"keeps {figure('memory_bytes', update.state_bytes)}",
        f"{training.total_flops:,} FLOPs in all: two for each MAC, and the update; "
        "the loss is not in it",
    ]
    if not result.specified:
        notes.append(f"counted from: {result.source}")
    if training.run is not None:
        notes.append(_run(training.run))
    if training.speed is not None:
        notes += _speed(training.speed)
    if training.unknown_ops:
        ops = ", ".join(f"{op} x{calls}" for op, calls in training.unknown_ops.items())
        notes.append(f"NOT COUNTED in the backward pass, because unknown: {ops}")
    return notes + count_caveats(result)


def _run(run: RunResult) -> str:
    return (
        f"{run.epochs:,} epochs of {run.samples:,} samples: {run.updates:,} updates, "
        f"{run.total_macs:,} MACs, {run.total_flops / 1e18:.4g} EFLOP"
    )


def _speed(speed: SpeedResult) -> Sequence[str]:
    peak = f"{speed.flops_per_second / 1e12:,.4g} TFLOP/s"
    notes = [f"at a peak of {peak} the step takes {speed.least_s * 1e3:.4g} ms at least"]
    if speed.step_s is not None and speed.mfu is not None and speed.hfu is not None:
        notes.append(
            f"in {speed.step_s * 1e3:.4g} ms it reaches {100 * speed.mfu:.2f} % of the peak by "
            f"`training` (MFU, as PaLM has it), {100 * speed.hfu:.2f} % by `training-hardware` "
            "(HFU)"
        )
    return notes
