"""What a network takes on a calibrated engine, from its rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Row
from shufflenet_flops.environment import Environment
from shufflenet_flops.errors import InputError, ModelError, plural
from shufflenet_flops.latency.predict.calibration import Calibration
from shufflenet_flops.latency.predict.conformal import factor
from shufflenet_flops.latency.predict.kernels import Kernel
from shufflenet_flops.latency.predict.learned import learned
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.regression import TimeModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shufflenet_flops.sources.source import Source


@dataclass(frozen=True)
class CalibrationName:
    """Which calibration a prediction comes from."""

    name: str
    machine: str
    engine_version: str
    date: str
    networks: int


@dataclass(frozen=True)
class KernelTime:
    """A kernel's predicted seconds; `path` is of its first layer, `kind` its class.

    `most_s` is what one that is not covered takes at most, were it as slow for its work as the
    slowest that was measured.
    """

    path: str
    kind: str
    seconds: float
    covered: bool
    most_s: float


@dataclass(frozen=True)
class Prediction:
    """One network on one engine. `low_s` and `high_s` are a 90 % interval, None where unknown.

    `covered` is the share of the time that is of kernels like those measured, were the others,
    which `uncovered` names, to take the most that they may; so does the interval's upper end.
    `macs_only_s` is what MACs alone would have said. `unknown_ops` have no rows, and so no time;
    `compiled` tells that the kernels are the engine's own.
    """

    model: str
    engine: str
    input: tuple[int, ...]
    threads: int
    macs: int
    predicted_s: float
    low_s: float | None
    high_s: float | None
    covered: float
    uncovered: tuple[str, ...]
    macs_only_s: float
    unknown_ops: tuple[str, ...]
    calibration: CalibrationName
    kernels: tuple[KernelTime, ...]
    compiled: bool = False


class Predictor:
    """A calibration, learned from once: predicts as many networks as are asked for.

    From rows, or, if `compiled`, from what the engine makes of a network as it compiles it.
    """

    def __init__(self, calibration: Calibration, *, compiled: bool = False) -> None:
        self.calibration = calibration
        self.compiled = compiled
        self.fusion = find_profiler(calibration.engine).fusion

    @cached_property
    def model(self) -> TimeModel:
        """What was learned; raises InputError as `learned`."""
        return learned(self.calibration, compiled=self.compiled)

    @property
    def name(self) -> CalibrationName:
        """Which calibration it is."""
        calibration = self.calibration
        return CalibrationName(
            calibration.name,
            calibration.machine,
            calibration.engine_version,
            calibration.date,
            len(calibration.samples),
        )

    def predict(self, source: Source) -> Prediction:
        """What a network takes. Raises what counting it raises."""
        counted = source.counted
        rows = counted.table.rows
        times = self.timed(self._compile(source)) if self.compiled else self.kernels(rows)
        known = sum(time.seconds for time, _ in times if time.covered)
        most = sum(time.most_s for time, _ in times if not time.covered)
        seconds = sum(time.seconds for time, _ in times)
        calibration = self.calibration
        errors = calibration.compiled_log_errors if self.compiled else calibration.log_errors
        off = factor(errors)
        return Prediction(
            model=source.name,
            engine=calibration.engine,
            input=source.first_shape,
            threads=calibration.threads,
            macs=counted.table.macs,
            predicted_s=seconds,
            low_s=known / off if off < float("inf") else None,
            high_s=known * off + most if off < float("inf") else None,
            covered=known / (known + most) if seconds else 1.0,
            uncovered=tuple(
                f"{why} ({number} times)" if number > 1 else why
                for why, number in Counter(why for _, why in times if why).items()
            ),
            macs_only_s=counted.table.macs * self.model.macs_only_s,
            unknown_ops=() if self.compiled else tuple(counted.unknown_ops),
            calibration=self.name,
            kernels=tuple(time for time, _ in times),
            compiled=self.compiled,
        )

    def by_row(self, rows: Sequence[Row]) -> tuple[float, ...]:
        """The seconds of each row: those of a kernel stand in the first row that it covers."""
        kernels = kernels_of(rows, self.fusion)
        seconds = [0.0] * len(rows)
        for kernel, time in zip(kernels, self.model.seconds(kernels), strict=True):
            seconds[kernel.places[0]] += float(time)
        return tuple(seconds)

    def seconds(self, rows: Sequence[Row], number: int) -> NDArray[Any]:
        """Of `number` networks at once; sizes in their rows are ints, or arrays of that length."""
        return self.model.networks(kernels_of(rows, self.fusion), number)

    def kernels(self, rows: Sequence[Row]) -> list[tuple[KernelTime, str]]:
        """The kernels of a table's rows with their seconds, and why one is not covered."""
        return self.timed(kernels_of(rows, self.fusion))

    def _compile(self, source: Source) -> list[Kernel]:
        from shufflenet_flops.latency.engines import find_engine
        from shufflenet_flops.latency.engines.protocol import Setup
        from shufflenet_flops.latency.predict.exporting import onnx_graph
        from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler
        from shufflenet_flops.sources.torch_modules.imports import one_line

        engine = self.calibration.engine
        profiler = find_profiler(engine)
        if not isinstance(profiler, GraphProfiler):
            raise InputError(f"{engine} compiles no graph: predict from rows, without --compile")
        if reason := find_engine(engine).missing():
            raise InputError(f"engine {engine}: {reason}")
        setup = Setup(self.calibration.threads, self.calibration.dtype)
        graph = onnx_graph(source)
        try:
            return profiler.compiled(graph, setup)
        except Exception as error:
            why = one_line(error)
            raise ModelError(f"{source.name}: {engine} cannot compile it: {why}") from error

    def timed(self, kernels: Sequence[Kernel]) -> list[tuple[KernelTime, str]]:
        """Kernels with their seconds, and why one is not covered."""
        found = []
        for kernel, seconds in zip(kernels, self.model.seconds(kernels), strict=True):
            why = self.model.uncovered(kernel)
            most = self.model.at_most(kernel) if why else float(seconds)
            time = KernelTime(kernel.paths[0], kernel.kind, float(seconds), not why, most)
            found.append((time, why))
        return found


def doubts(calibration: Calibration, here: Environment, version: str) -> list[str]:
    """In what this machine and the engine installed here differ from the calibration's."""
    found = []
    if (calibration.machine, calibration.cores) != (here.cpu, here.cores):
        found.append(
            f"the calibration is of another machine: {calibration.machine}, "
            f"{plural(calibration.cores, 'core')}; this is {here.cpu}, {plural(here.cores, 'core')}"
        )
    if version and version != calibration.engine_version:
        found.append(
            f"the calibration is of {calibration.engine} {calibration.engine_version}, and "
            f"{version} is installed"
        )
    return found


def doubts_here(calibration: Calibration) -> list[str]:
    """In what this machine and its engine differ from the calibration's, as far as it is there."""
    from shufflenet_flops.environment import environment
    from shufflenet_flops.latency.engines import find_engine

    engine = find_engine(calibration.engine)
    return doubts(calibration, environment(), "" if engine.missing() else engine.version())
