"""Time models on engines, all on one input in the same rounds, and check what they compute."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from shufflenet_flops.latency.agreement import (
    LIMITS,
    Agreement,
    Reference,
    agreement,
    reference,
    too_exact,
)
from shufflenet_flops.latency.case import Case, build_case, bytes_needed
from shufflenet_flops.latency.engines.protocol import Call, Engine, EngineError, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.memory import check_fits
from shufflenet_flops.latency.roofline import BoundLayer, Peaks, layers
from shufflenet_flops.latency.sampling import (
    Interrupted,
    Progress,
    Samples,
    sample,
    timer_for,
)
from shufflenet_flops.latency.stats import check_quartiles, paired_ratio, summarise
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources import Source

T = TypeVar("T")


@dataclass(frozen=True)
class Pair:
    """How many times as long row `a` takes as row `b`, over rounds, with a 95 % interval."""

    a: str
    b: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """One model on one engine; None is what a failed row has not.

    `input` is the shape of the first input (batch first), `inputs` all of them as text.

    `flop_per_s` counts two FLOP per MAC; `peak_share` is of the matrix product in `peaks`, which
    are of the same run; `max_rel_error` is the largest error over eager's largest output, and
    `moved` how far another random input moves eager's outputs on that scale. `pairs` compare this
    row with the earlier ones of its engine and with those of its model. `partial` rows are
    of a run that Ctrl-C ended early.
    """

    model: str
    engine: str
    engine_version: str
    device: str
    dtype: str
    threads: int
    batch: int
    input: tuple[int, ...]
    inputs: tuple[str, ...]
    status: str
    reason: str
    macs: int
    memory_bytes: int
    peaks: Peaks
    median_s: float | None = None
    q1_s: float | None = None
    q3_s: float | None = None
    samples_s: tuple[float, ...] = ()
    outliers: int = 0
    flop_per_s: float | None = None
    peak_share: float | None = None
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    moved: float | None = None
    pairs: tuple[Pair, ...] = ()
    layers: tuple[BoundLayer, ...] = ()
    partial: bool = False

    def __post_init__(self) -> None:
        check_quartiles(self.q1_s, self.median_s, self.q3_s)

    @property
    def label(self) -> str:
        """The row's name in `pairs`."""
        return f"{self.model} on {self.engine}"


@dataclass(frozen=True)
class TimingPlan:
    """How long to measure, and on what; `roofline` adds the layers' times to eager's rows."""

    setup: Setup
    peaks: Peaks
    rounds: int | None = None
    min_time_s: float = 1.0
    roofline: bool = False
    seed: int = 0


@dataclass
class _Entry:
    """A row on its way: what is known, the call once it is prepared, and what went wrong."""

    source: Source
    engine: Engine
    call: Call | None = None
    agreement: Agreement | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        return f"{self.source.name} on {self.engine.name}"

    def attempt(self, work: Callable[[], T]) -> T:
        """Do `work`; what it raises is noted, first."""
        try:
            with contained():
                return work()
        except Exception as error:
            name = "" if isinstance(error, EngineError) else f"{type(error).__name__}: "
            self.reason = name + (str(error).strip() or "no message").splitlines()[0]
            raise


_Cases = dict[str, tuple[Case, Reference]]


def measure(
    sources: Sequence[Source],
    engines: Sequence[Engine],
    plan: TimingPlan,
    progress: Progress = lambda name, done, total: None,
) -> Iterator[Timing]:
    """Rows for every model on every engine, the models of one input together in its rounds.

    What an engine cannot take, gets wrong, or computes in another dtype than it was asked for, is
    a failed row with the reason. Ctrl-C while an input is sampled ends the run after the rows of
    that input, which are marked partial.
    """
    by_input: dict[str, list[Source]] = {}
    for source in sources:
        by_input.setdefault(_input(source), []).append(source)
    for group in by_input.values():
        entries = [_Entry(source, engine) for source in group for engine in engines]
        cases: _Cases = {}
        for i, entry in enumerate(entries):
            progress(f"preparing {entry.label}", i, len(entries))
            with contextlib.suppress(Exception):
                entry.attempt(partial(_prepare, entry, cases, plan.setup))
        samples, interrupted = _sample(entries, plan, progress)
        for entry in entries:
            yield _timing(entry, entries, cases, samples, plan, interrupted)
        if interrupted:
            raise KeyboardInterrupt


def _prepare(entry: _Entry, cases: _Cases, setup: Setup) -> None:
    """Prepare the entry's call and check one output of it. Raises what goes wrong."""
    entry.engine.check(setup)
    check_fits(bytes_needed(entry.source))
    with quiet():
        if entry.source.name not in cases:
            case = build_case(entry.source)
            cases[entry.source.name] = case, reference(case)
        case, expected = cases[entry.source.name]
        call = entry.engine.prepare(case.module, case.inputs, setup)
        entry.agreement = agreement(call(), expected.outputs)
    if not entry.agreement.within(setup.dtype):
        raise EngineError(
            f"wrong result: relative error {entry.agreement.max_rel_error:.1e}, and the limit for "
            f"{setup.dtype} is {LIMITS[setup.dtype]:.0e}"
        )
    if too_exact(entry.agreement, expected.outputs, setup.dtype):
        raise EngineError(f"{setup.dtype} is not used: its outputs are those of float32")
    entry.call = call


def _sample(
    entries: Sequence[_Entry], plan: TimingPlan, progress: Progress
) -> tuple[Samples, bool]:
    """Samples by label, and whether Ctrl-C cut them short; a call that fails is left out."""
    while True:
        ready = {
            entry.label: partial(entry.attempt, entry.call)
            for entry in entries
            if entry.call and not entry.reason
        }
        if not ready:
            return {}, False
        try:
            return sample(
                ready,
                rounds=plan.rounds,
                min_time_s=plan.min_time_s,
                progress=lambda name, done, total: progress(f"measuring {name}", done, total),
                seed=plan.seed,
                timer=timer_for(plan.setup.device),
            ), False
        except Interrupted as stop:
            return stop.samples, True
        except Exception:
            # The entry that failed has noted why; were it another, this would not end.
            if not any(entry.reason for entry in entries if entry.label in ready):
                raise


def _timing(
    entry: _Entry,
    entries: Sequence[_Entry],
    cases: _Cases,
    samples: Samples,
    plan: TimingPlan,
    interrupted: bool,
) -> Timing:
    source, engine, setup = entry.source, entry.engine, plan.setup
    agreed = entry.agreement
    row = Timing(
        model=source.name,
        engine=engine.name,
        engine_version=engine.version(),
        device=setup.device,
        dtype=setup.dtype,
        threads=setup.threads,
        batch=next(iter(source.first_shape), 1),
        input=source.first_shape,
        inputs=tuple(map(str, source.inputs)),
        status="failed",
        reason=entry.reason or "interrupted before the first round was over",
        macs=source.table.macs,
        memory_bytes=source.table.memory_bytes,
        max_abs_error=agreed.max_abs_error if agreed else None,
        max_rel_error=agreed.max_rel_error if agreed else None,
        moved=cases[source.name][1].moved if source.name in cases else None,
        peaks=plan.peaks,
        partial=interrupted,
    )
    times = samples.get(entry.label)
    if entry.reason or not times:
        return row
    latency = summarise(times)
    speed = 2 * row.macs / latency.median
    with_layers = plan.roofline and engine.name == "eager" and not interrupted
    return replace(
        row,
        status="ok",
        reason="",
        median_s=latency.median,
        q1_s=latency.q1,
        q3_s=latency.q3,
        samples_s=latency.samples,
        outliers=latency.outliers,
        flop_per_s=speed,
        peak_share=speed / plan.peaks.flop_per_s,
        pairs=_pairs(entry, entries, samples),
        layers=tuple(layers(cases[source.name][0], plan.peaks, setup.threads))
        if with_layers
        else (),
    )


def _pairs(entry: _Entry, entries: Sequence[_Entry], samples: Samples) -> tuple[Pair, ...]:
    """A row against the earlier ones of its engine or its model; one round gives no interval."""
    pairs = []
    for other in entries[: entries.index(entry)]:
        related = other.source is entry.source or other.engine is entry.engine
        reference_times = samples.get(other.label, [])
        if related and len(reference_times) > 1:
            ratio = paired_ratio(samples[entry.label], other.label, reference_times)
            pairs.append(Pair(entry.label, other.label, ratio.ratio, ratio.low, ratio.high))
    return tuple(pairs)


def _input(source: Source) -> str:
    return " ".join(map(str, source.inputs))
