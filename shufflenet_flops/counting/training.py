"""What a training step costs, and a whole training run: the results of `count --training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shufflenet_flops.counting.backward import Purpose, TrainingStep
from shufflenet_flops.counting.row import Kind
from shufflenet_flops.counting.table import BYTES
from shufflenet_flops.saved import Count, given_with

# The conventions of a training step, and what each counts.
TRAINING_CONVENTIONS: Mapping[str, str] = MappingProxyType(
    {
        "training": "the forward pass and every gradient once, as in PaLM's MFU",
        "training-hardware": "what runs: with forward work that is done again, as in HFU",
    }
)


@dataclass(frozen=True)
class Optimizer:
    """Element-wise work of one update for each trained parameter; weight decay is in adamw's alone.

    `flops` are additions, multiplications, divisions and square roots, as torch's optimisers do
    them; `state` is how many numbers are kept, `moved` how many are read or written.
    """

    name: str
    flops: int
    state: int
    moved: int
    meaning: str


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        optimizer.name: optimizer
        for optimizer in (
            Optimizer("sgd", 2, 0, 3, "w - lr·g"),
            Optimizer("momentum", 4, 1, 5, "v = m·v + g; w - lr·v"),
            # m: 3, v: 4, the denominator (root, correction, epsilon): 3, the update: 3.
            Optimizer("adam", 13, 2, 7, "m and v as running means of g and g²; w - lr·m/(√v + ε)"),
            Optimizer("adamw", 14, 2, 7, "adam, and w shrunk by the decay first"),
        )
    }
)


@dataclass(frozen=True)
class TrainingLayer:
    """MACs of one layer, forward and back."""

    path: str
    kind: Kind
    forward_macs: Count
    weight_macs: Count
    input_macs: Count
    recomputed_macs: Count

    @property
    def total_macs(self) -> int:
        """What the layer adds to the `training` convention."""
        return self.forward_macs + self.weight_macs + self.input_macs


@dataclass(frozen=True)
class UpdateResult:
    """One update by an optimiser: FLOPs, what it keeps and what it moves, in fp32."""

    optimizer: str
    flops: Count
    state_bytes: Count
    memory_bytes: Count


@dataclass(frozen=True)
class RunResult:
    """A whole training run; the last batch of an epoch holds what is left of the samples."""

    epochs: Count
    samples: Count
    updates: Count
    total_macs: Count
    hardware_macs: Count
    total_flops: Count


@dataclass(frozen=True)
class SpeedResult:
    """What a step takes on hardware of `flops_per_second` at its peak.

    `least_s` is the time at the peak. Where the time of a step is known, `mfu` and `hfu` are the
    shares of the peak that the `training` and `training-hardware` conventions reach.
    """

    flops_per_second: Count
    least_s: float
    step_s: float | None = None
    mfu: float | None = None
    hfu: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """One training step of `batch` samples, `accumulate` times over before an update.

    `total_macs` is under the `training` convention, `hardware_macs` under `training-hardware`.
    `total_flops` is twice the MACs of `total_macs`, and the update's. `params` are the parameters
    that are trained. The loss is not in it.
    """

    batch: Count
    accumulate: Count
    params: Count
    forward_macs: Count
    weight_macs: Count
    input_macs: Count
    backward_macs: Count
    recomputed_macs: Count
    total_macs: Count
    hardware_macs: Count
    total_flops: Count
    update: UpdateResult
    layers: tuple[TrainingLayer, ...]
    unknown_ops: Mapping[str, Count]
    run: RunResult | None = field(default=None, metadata=given_with("run"))
    speed: SpeedResult | None = field(default=None, metadata=given_with("speed"))


def training_result(
    step: TrainingStep, batch: int, optimizer: Optimizer, accumulate: int
) -> TrainingResult:
    """The result of a step; its MACs are of all the batches that go into one update."""
    parts = {purpose: accumulate * macs for purpose, macs in step.parts.items()}
    update = UpdateResult(
        optimizer.name,
        optimizer.flops * step.params,
        BYTES * optimizer.state * step.params,
        BYTES * optimizer.moved * step.params,
    )
    total = accumulate * step.macs
    return TrainingResult(
        batch=batch,
        accumulate=accumulate,
        params=step.params,
        forward_macs=accumulate * step.forward.macs,
        weight_macs=parts[Purpose.WEIGHTS],
        input_macs=parts[Purpose.INPUTS],
        backward_macs=accumulate * step.backward_macs,
        recomputed_macs=parts[Purpose.RECOMPUTED],
        total_macs=total,
        hardware_macs=accumulate * step.hardware_macs,
        total_flops=2 * total + update.flops,
        update=update,
        layers=_layers(step, accumulate),
        unknown_ops=step.unknown_ops,
    )


def _layers(step: TrainingStep, accumulate: int) -> tuple[TrainingLayer, ...]:
    """One for each path and kind, in the order of the forward pass."""
    sums: dict[tuple[str, Kind], list[int]] = {}
    for row in step.forward.rows:
        if row.macs:
            sums.setdefault((row.path, row.kind), [0] * 4)[0] += row.macs
    columns = {Purpose.WEIGHTS: 1, Purpose.INPUTS: 2, Purpose.RECOMPUTED: 3}
    for back in step.backward:
        sums.setdefault((back.path, back.kind), [0] * 4)[columns[back.purpose]] += back.macs
    return tuple(
        TrainingLayer(path, kind, *(accumulate * macs for macs in of_layer))
        for (path, kind), of_layer in sums.items()
    )


def run_result(
    whole: TrainingResult, rest: TrainingResult | None, epochs: int, samples: int
) -> RunResult:
    """A run of `epochs` over `samples`, in steps as `whole`; `rest` is what is left in an epoch.

    `rest` is one batch of the samples that fill no batch. Batches left over from the accumulation
    make an update of their own.
    """
    batches = samples // whole.batch
    each = whole.accumulate
    updates = epochs * -(-(batches + (rest is not None)) // each)
    macs, hardware = (
        epochs * (batches * getattr(whole, name) // each + (getattr(rest, name) if rest else 0))
        for name in ("total_macs", "hardware_macs")
    )
    flops = 2 * macs + updates * whole.update.flops
    return RunResult(epochs, samples, updates, macs, hardware, flops)


def speed_result(
    training: TrainingResult, flops_per_second: int, step_s: float | None
) -> SpeedResult:
    """The time of a step at the peak, and the shares of the peak that a measured time reaches."""
    least = training.total_flops / flops_per_second
    if step_s is None:
        return SpeedResult(flops_per_second, least)
    peak = step_s * flops_per_second
    return SpeedResult(
        flops_per_second,
        least,
        step_s,
        2 * training.total_macs / peak,
        2 * training.hardware_macs / peak,
    )
