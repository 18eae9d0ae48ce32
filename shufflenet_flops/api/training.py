"""A training step of a source: what `count` adds where it is asked for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.counting.training import (
    OPTIMIZERS,
    TrainingResult,
    run_result,
    speed_result,
    training_result,
)
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.peak.batch import BatchFit, largest_batch
from shufflenet_flops.peak.timeline import Timeline
from shufflenet_flops.peak.update import with_update
from shufflenet_flops.sources import Source
from shufflenet_flops.sources.source import Counted


@dataclass(frozen=True)
class Training:
    """What is asked of a training step.

    `freeze` and `train` are globs of parameters or modules that are frozen, and that are trained.
    An update by the `optimizer` follows `accumulate` batches. `epochs` over `samples` are a whole
    run. `flops_per_second` is the peak of the hardware, `step_s` the measured time of a step.
    """

    freeze: Sequence[str] = ()
    train: Sequence[str] = ()
    optimizer: str = "sgd"
    accumulate: int = 1
    epochs: int | None = None
    samples: int | None = None
    flops_per_second: int | None = None
    step_s: float | None = None

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise UnknownNameError("optimizer", self.optimizer, OPTIMIZERS)
        if (self.epochs is None) != (self.samples is None):
            given, other = ("epochs", "samples") if self.samples is None else ("samples", "epochs")
            raise InputError(f"{given} of a run say nothing without its {other}: give both")
        if self.step_s is not None and self.flops_per_second is None:
            raise InputError(
                "the time of a step tells a share of the peak once that is known: give "
                "flops per second too"
            )
        for name in ("freeze", "train"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))

    @property
    def trained(self) -> Trained:
        """Which parameters are trained."""
        return Trained(tuple(self.freeze), tuple(self.train))


def trained(source: Source, asked: Training) -> tuple[Counted, TrainingResult]:
    """The model as a step runs it, and the step. Raises as `Source.step` does."""
    optimizer = OPTIMIZERS[asked.optimizer]

    def result(source: Source, accumulate: int) -> tuple[Counted, TrainingResult]:
        counted, step = source.step(asked.trained)
        batch = source.first_shape[0] if source.first_shape else 1
        return counted, training_result(step, batch, optimizer, accumulate)

    counted, training = result(source, asked.accumulate)
    if asked.epochs is not None and asked.samples is not None:
        left = asked.samples % training.batch
        rest = result(source.with_batch(left), 1)[1] if left else None
        training = replace(training, run=run_result(training, rest, asked.epochs, asked.samples))
    if asked.flops_per_second is not None:
        speed = speed_result(training, asked.flops_per_second, asked.step_s)
        training = replace(training, speed=speed)
    return counted, training


def step_timeline(source: Source, asked: Training) -> Timeline:
    """What is alive when in a step: forward, backward, update. Raises as `Source.step` does."""
    optimizer = OPTIMIZERS[asked.optimizer]
    passes = source.step_timeline(asked.trained)
    return with_update(passes, optimizer.name, optimizer.state)


def fitting_batch(source: Source, asked: Training | None, limit: int) -> BatchFit:
    """The largest batch whose step, or whose inference, keeps to `limit` bytes at its peak.

    Raises InputError for a source whose batch is not free, ModelError where a pass fails.
    """

    def peak_at(batch: int) -> int:
        at = source.with_batch(batch)
        timeline = at.timeline() if asked is None else step_timeline(at, asked)
        return timeline.peak_bytes

    return largest_batch(peak_at, limit)
