"""Measure random networks on an engine, one after the other, until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from shufflenet_flops.counting import layer_table
from shufflenet_flops.environment import Environment, environment
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.calibration import SCHEMA, Calibration, Sample, sample_of
from shufflenet_flops.latency.predict.conformal import held_out_errors
from shufflenet_flops.latency.predict.kernels import FIELDS, Kernel, kernels_of
from shufflenet_flops.latency.predict.networks import random_network
from shufflenet_flops.latency.predict.profilers import Profiler, find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import Profile
from shufflenet_flops.latency.predict.regression import HYPERPARAMETERS

GAP = 0.05  # by how much the kernels may differ from the whole before they are measured again
TRIES = 3
_REPEATS = 12


def begun(engine: str, setup: Setup, here: Environment) -> Calibration:
    """A calibration of this machine, without a sample. Raises what the engine lacks here."""
    profiler = find_profiler(engine)
    found = find_engine(profiler.name)
    if reason := found.missing():
        raise InputError(f"engine {engine}: {reason}")
    found.check(setup)
    return Calibration(
        version=SCHEMA,
        engine=engine,
        engine_version=found.version(),
        machine=here.cpu,
        cores=here.cores,
        threads=setup.threads,
        dtype=setup.dtype,
        date=here.date,
        fields=FIELDS,
        kinds=(),
        samples=(),
        hyperparameters=dict(HYPERPARAMETERS),
        load=(here.load or 0.0,),
    )


def measured(
    calibration: Calibration,
    budget_s: float,
    most: int,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Calibration]:
    """The calibration with one network more each time, until `budget_s` is over or it has `most`.

    It goes on after the networks that it has.
    """
    profiler = find_profiler(calibration.engine)
    setup = Setup(calibration.threads, calibration.dtype)
    kinds = list(calibration.kinds)
    number = max((sample.number for sample in calibration.samples), default=-1) + 1
    end = clock() + budget_s
    while clock() < end and len(calibration.samples) < most:
        sample = _measure(profiler, setup, number, kinds)
        number += 1
        calibration = replace(
            calibration, kinds=tuple(kinds), samples=(*calibration.samples, sample)
        )
        yield calibration


def finished(calibration: Calibration) -> Calibration:
    """The calibration with what it predicts of networks that it did not learn from."""
    noise = sorted(sample.gap for sample in calibration.samples)
    return replace(
        calibration,
        log_errors=held_out_errors(calibration),
        load=(*calibration.load[:1], environment().load or 0.0),
        noise=noise[len(noise) // 2],
    )


def _measure(profiler: Profiler, setup: Setup, number: int, kinds: list[str]) -> Sample:
    """Time a network, again where its kernels do not add up to the whole; the best of the tries."""
    network = random_network(number)
    kernels = kernels_of(layer_table(network.spec, network.input).rows, profiler.fusion)
    paths = frozenset(path for kernel in kernels for path in kernel.paths)
    best: Profile | None = None
    for _ in range(TRIES):
        profile = profiler.profile(network, paths, setup, _REPEATS)
        if best is None or profile.gap < best.gap:
            best = profile
        if best.gap <= GAP:
            break
    assert best is not None
    return sample_of(number, best.seconds, best.gap, timed(kernels, best), kinds)


def timed(kernels: list[Kernel], profile: Profile) -> list[tuple[Kernel, float]]:
    """The kernels with their seconds: of all ops that they cover, as they add up to the whole."""
    scale = profile.seconds / sum(profile.parts.values())
    return [
        (kernel, scale * sum(profile.parts.get(path, 0.0) for path in set(kernel.paths)))
        for kernel in kernels
    ]
