"""What `count --peak` found about one model, as its JSON has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from shufflenet_flops.peak.advice import Advice, advice
from shufflenet_flops.peak.arena import arena
from shufflenet_flops.peak.batch import BatchFit
from shufflenet_flops.peak.timeline import Storage, Timeline
from shufflenet_flops.saved import Count, given_with


@dataclass(frozen=True)
class PeakTerm:
    """A named part of a peak."""

    name: str
    bytes: Count


@dataclass(frozen=True)
class FileSize:
    """What a model's file takes on disk, and what its weights are, by their type.

    `missing` are files beside it that are to hold weights and are not there.
    """

    bytes: Count
    weights: tuple[PeakTerm, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class AliveTensor:
    """A piece of memory that is alive at the peak, and the call of an op that made it."""

    path: str
    op: str
    shape: tuple[Count, ...]
    dtype: str
    bytes: Count


@dataclass(frozen=True)
class PeakMoment:
    """A call of an op; `bytes` is all that is alive then, `tensor_bytes` leaves out workspace."""

    path: str
    op: str
    tensor_bytes: Count
    bytes: Count


@dataclass(frozen=True)
class PeakRun:
    """The peak of one run, and all that leads to it.

    `bytes` is the sum of `terms`; `tensor_bytes` is the peak of tensors alone, which may be at
    another moment. `path` and `op` are the call at which the peak is, `alive` what is alive at it,
    the largest first. `advice` are changes that would lower it.
    """

    bytes: Count
    tensor_bytes: Count
    path: str
    op: str
    terms: tuple[PeakTerm, ...]
    alive: tuple[AliveTensor, ...]
    timeline: tuple[PeakMoment, ...]
    advice: tuple[Advice, ...] = ()

    @classmethod
    def of(cls, timeline: Timeline, *, training: bool = False) -> PeakRun:
        """The peak of a timeline."""
        peak, held = timeline.peak, timeline.held_bytes
        at = timeline.moments[peak] if peak is not None else None
        alive = timeline.alive(peak) if peak is not None else []
        amounts = zip(timeline.moments, timeline.live_bytes, timeline.used_bytes, strict=True)
        return cls(
            bytes=timeline.peak_bytes,
            tensor_bytes=timeline.tensor_bytes,
            path=at.path if at else "",
            op=at.op if at else "",
            terms=tuple(PeakTerm(term.name, term.bytes) for term in timeline.terms),
            alive=tuple(AliveTensor(s.path, s.op, s.shape, s.dtype, s.bytes) for s in alive),
            timeline=tuple(
                PeakMoment(moment.path, moment.op, held + live, held + used)
                for moment, live, used in amounts
            ),
            advice=advice(timeline, training=training),
        )


@dataclass(frozen=True)
class ArenaSize:
    """What one inference takes on a small device when every tensor is of this type.

    `arena_bytes` is that of a plan that is greedy by size, and no plan takes less than
    `lower_bound_bytes`; `weight_bytes` are those of all parameters, which lie in flash.
    """

    dtype: str
    arena_bytes: Count
    lower_bound_bytes: Count
    weight_bytes: Count


_ITEMSIZES = {"int8": 1, "bfloat16": 2, "float32": 4}


def arena_sizes(tensors: Callable[[int], Sequence[Storage]], params: int) -> tuple[ArenaSize, ...]:
    """The arenas for each type; `tensors` are those of an inference by the bytes of an element."""
    plans = {dtype: (size, arena(tensors(size))) for dtype, size in _ITEMSIZES.items()}
    return tuple(
        ArenaSize(dtype, plan.bytes, plan.lower_bound_bytes, size * params)
        for dtype, (size, plan) in plans.items()
    )


@dataclass(frozen=True)
class PeakResult:
    """Peak memory in bytes: of inference, and of a training step where that was asked for.

    `terms` are the parts of the latter where it is there, else of the former. `kernels` says whose
    kernels the workspace is of, as another processor has others.
    What memory is `not_known_for` makes the peak the least. `fit` is the largest
    batch under a limit, of the training step where that was asked for, else of inference.
    Forward passes ran within `autocast` of this type, where there is one. `file` is what a model
    that is read from one takes on disk.
    """

    inference_bytes: Count
    training_bytes: Count | None
    terms: tuple[PeakTerm, ...]
    inference: PeakRun
    training: PeakRun | None = None
    kernels: str = ""
    arenas: tuple[ArenaSize, ...] = ()
    not_known_for: tuple[str, ...] = ()
    fit: BatchFit | None = field(default=None, metadata=given_with("fit"))
    autocast: str | None = field(default=None, metadata=given_with("autocast"))
    file: FileSize | None = field(default=None, metadata=given_with("file"))

    @classmethod
    def of(
        cls,
        inference: Timeline,
        training: Timeline | None = None,
        arenas: tuple[ArenaSize, ...] = (),
        fit: BatchFit | None = None,
        autocast: str | None = None,
        file: FileSize | None = None,
    ) -> PeakResult:
        """The peaks of the runs."""
        first = PeakRun.of(inference)
        second = PeakRun.of(training, training=True) if training is not None else None
        return cls(
            inference_bytes=first.bytes,
            training_bytes=second.bytes if second else None,
            terms=(second or first).terms,
            inference=first,
            training=second,
            kernels=inference.kernels,
            arenas=arenas,
            not_known_for=inference.not_known_for,
            fit=fit,
            autocast=autocast,
            file=file,
        )

    @property
    def runs(self) -> Iterable[tuple[str, PeakRun]]:
        """Each run with its name."""
        yield "inference", self.inference
        if self.training is not None:
            yield "training", self.training
