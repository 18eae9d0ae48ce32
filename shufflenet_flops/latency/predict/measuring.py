"""Measure random networks on an engine, one after the other, until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from shufflenet_flops.counting import layer_table
from shufflenet_flops.environment import Environment, environment
from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import EngineError, Setup
from shufflenet_flops.latency.predict.calibration import SCHEMA, Calibration, Sample, sample_of
from shufflenet_flops.latency.predict.conformal import held_out_errors
from shufflenet_flops.latency.predict.kernels import FIELDS, Kernel
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.networks import random_network
from shufflenet_flops.latency.predict.profilers import Profiler, find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import Profile
from shufflenet_flops.latency.predict.regression import HYPERPARAMETERS

GAP = 0.05  # by how much the kernels may differ from the whole before they are measured again
PASSES = 3  # some seconds apart, so that what slows the machine for a while does not stay
_MORE_PASSES = 2  # at most, for networks whose kernels do not add up
_TOGETHER = 16  # networks whose passes go in turn
_REPEATS = 5


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
) -> Iterator[tuple[Calibration, int]]:
    """The calibration as it grows, until `budget_s` is over or it has `most` networks.

    It goes on after the networks that it has. Beside it stands the number of the network that was
    just timed; some are timed in turn, and are there when all of these are.
    """
    profiler = find_profiler(calibration.engine)
    setup = Setup(calibration.threads, calibration.dtype)
    kinds = list(calibration.kinds)
    end = clock() + budget_s
    number = max((sample.number for sample in calibration.samples), default=-1) + 1
    while clock() < end and (left := most - len(calibration.samples)) > 0:
        drawn = [_Drawn(number + i, profiler) for i in range(min(left, _TOGETHER))]
        number += len(drawn)
        for network in _in_turn(drawn, setup, lambda: clock() >= end):
            yield calibration, network.number
        samples = tuple(network.sample(kinds) for network in drawn if network.was_timed)
        refused = [network.refused for network in drawn if network.refused]
        if not calibration.samples and len(refused) == len(drawn):
            raise EngineError(
                f"engine {calibration.engine} takes none of {len(drawn)} random networks: "
                f"{refused[-1]}"
            )
        calibration = replace(
            calibration, kinds=tuple(kinds), samples=(*calibration.samples, *samples)
        )
        yield calibration, number - 1


def finished(calibration: Calibration) -> Calibration:
    """The calibration with what it predicts of networks that it did not learn from."""
    noise = sorted(sample.gap for sample in calibration.samples)
    return replace(
        calibration,
        log_errors=held_out_errors(calibration),
        compiled_log_errors=held_out_errors(calibration, compiled=True),
        load=(*calibration.load[:1], environment().load or 0.0),
        noise=noise[len(noise) // 2],
    )


class _Drawn:
    """A random network on its way: its kernels, and the least of what was measured of them."""

    def __init__(self, number: int, profiler: Profiler) -> None:
        self.number = number
        self._network = random_network(number)
        self._profiler = profiler
        rows = layer_table(self._network.spec, self._network.input).rows
        self._kernels = kernels_of(rows, profiler.fusion)
        self._paths = frozenset(path for kernel in self._kernels for path in kernel.paths)
        self._least: Profile | None = None
        self.refused = ""  # why the engine does not take it

    def measure(self, setup: Setup) -> None:
        """Time it once more, if the engine takes it."""
        try:
            profile = self._profiler.profile(self._network, self._paths, setup, _REPEATS)
        except EngineError as error:
            self.refused = str(error)
            return
        self._least = profile if self._least is None else self._least.least(profile)

    @property
    def was_timed(self) -> bool:
        """Whether it was timed at all."""
        return self._least is not None

    def is_due(self, number: int) -> bool:
        """Whether the pass of this number is to time it."""
        if self._least is None:
            return number == 0
        return number < PASSES or self._least.gap > GAP

    def sample(self, kinds: list[str]) -> Sample:
        """What was measured; a kind that is new is put at the end of `kinds`."""
        least = self._least
        assert least is not None
        found = timed(self._kernels, least)
        scale = least.seconds / (sum(seconds for _, seconds in least.nodes) or 1.0)
        nodes = [(kernel, scale * seconds) for kernel, seconds in least.nodes]
        return sample_of(self.number, least.seconds, least.gap, found, kinds, nodes)


def _in_turn(drawn: list[_Drawn], setup: Setup, is_over: Callable[[], bool]) -> Iterator[_Drawn]:
    """Measure all of them, again and again, and those that do not add up some times more.

    What the time is over for before it was measured once is left.
    """
    for i in range(PASSES + _MORE_PASSES):
        for network in drawn:
            if network.is_due(i) and (i or not is_over()):
                network.measure(setup)
                yield network


def timed(kernels: list[Kernel], profile: Profile) -> list[tuple[Kernel, float]]:
    """The kernels with their seconds: of all ops that they cover, as they add up to the whole."""
    scale = profile.seconds / sum(profile.parts.values())
    return [
        (kernel, scale * sum(profile.parts.get(path, 0.0) for path in set(kernel.paths)))
        for kernel in kernels
    ]
