"""`sf.meter`: what a training run has computed so far, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import Any

from shufflenet_flops.api.model import AnyModel, ModelInput, source_of
from shufflenet_flops.api.training import Training
from shufflenet_flops.counting.amount import parse_amount
from shufflenet_flops.sources import Source


class Meter:
    """FLOPs of the steps that were done in a `with` block, and their share of a peak.

    Nothing is watched while the model runs: a step was traced before, and `step` tells that one was
    done. Two FLOPs are counted for each MAC; the loss and the update are not in it. `mfu` goes by
    the `training` convention, as PaLM has it, and `hfu` by `training-hardware`, which counts what
    is done again, too. Time is that since the block was entered, until it was left.
    """

    def __init__(
        self,
        macs_at: Callable[[int | None], tuple[int, int]],
        flops_per_second: int | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._macs_at = macs_at
        self._known: dict[int | None, tuple[int, int]] = {None: macs_at(None)}
        self.flops_per_second = flops_per_second
        self._clock = clock
        self._began: float | None = None
        self._ended: float | None = None
        self.steps = 0
        self._macs = self._hardware_macs = 0

    @property
    def macs_per_step(self) -> int:
        """MACs of one step at the batch that the meter was made with."""
        return self._known[None][0]

    def step(self, times: int = 1, *, batch: int | None = None) -> None:
        """Note that so many steps were done, at another `batch` where it is given.

        Raises InputError for a source whose batch is not free.
        """
        if batch not in self._known:
            self._known[batch] = self._macs_at(batch)
        macs, hardware = self._known[batch]
        self.steps += times
        self._macs += times * macs
        self._hardware_macs += times * hardware

    @property
    def flops(self) -> int:
        """FLOPs so far, each product once (the `training` convention)."""
        return 2 * self._macs

    @property
    def hardware_flops(self) -> int:
        """FLOPs so far, with those that were done again (the `training-hardware` convention)."""
        return 2 * self._hardware_macs

    @property
    def seconds(self) -> float:
        """The time since the block was entered, until it was left; 0 before."""
        if self._began is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    @property
    def flop_per_s(self) -> float | None:
        """The speed so far, None as long as no time has gone by."""
        return self.as_dict().get("flop_per_s")

    @property
    def mfu(self) -> float | None:
        """The share of the peak that `flops` reach; None where no peak is known."""
        return self.as_dict().get("mfu")

    @property
    def hfu(self) -> float | None:
        """The share of the peak that `hardware_flops` reach; None where no peak is known."""
        return self.as_dict().get("hfu")

    def as_dict(self) -> dict[str, float]:
        """`flops`, and the speed and shares that are known, at one moment: as loggers take it."""
        seconds = self.seconds
        values = {"flops": float(self.flops)}
        if seconds:
            values["flop_per_s"] = self.flops / seconds
            if self.flops_per_second is not None:
                peak = seconds * self.flops_per_second
                values |= {"mfu": self.flops / peak, "hfu": self.hardware_flops / peak}
        return values

    def __enter__(self) -> Meter:
        self._began, self._ended = self._clock(), None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = self._clock()

    def __repr__(self) -> str:
        return f"<Meter: {self.steps:,} steps, {self.flops:,} FLOPs in {self.seconds:.3f} s>"


def meter(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    args: Mapping[str, Any] | None = None,
    training: bool | Training = True,
    flops_per_second: str | int | None = None,
) -> Meter:
    """A context manager that counts the FLOPs of a run, from one trace made before it.

    `model` and `input` are as for `count`: the input is that of one step. `flops_per_second` is the
    peak of the hardware ("312T"), for `mfu` and `hfu`. A `Training` says what is frozen, and how
    many batches one step takes (`accumulate`); with False a step is a forward pass. Raises a
    ShufflenetFlopsError where that cannot be traced.

    >>> with meter("resnet18", (8, 3, 224, 224)) as done:
    ...     done.step()
    >>> done.flops
    85187297280
    """
    source = source_of(model, input, args)
    asked = Training() if training is True else training
    peak = flops_per_second
    if asked and peak is None:
        peak = asked.flops_per_second
    amount = None if peak is None else int(parse_amount("flops", peak))

    def macs_at(batch: int | None) -> tuple[int, int]:
        at = source if batch is None else source.with_batch(batch)
        return _macs(at, asked or None)

    return Meter(macs_at, amount)


def _macs(source: Source, asked: Training | None) -> tuple[int, int]:
    """MACs of a step under `training` and under `training-hardware`."""
    if asked is None:
        return source.table.macs, source.table.macs
    _, step = source.step(asked.trained)
    return asked.accumulate * step.macs, asked.accumulate * step.hardware_macs
