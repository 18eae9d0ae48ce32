"""Predictions beside what was measured, and how far they are off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_time.errors import Errors, Floats, errors
from benchmarks.gpu_time.families import stem
from benchmarks.prediction.guidelines import guidelines
from benchmarks.prediction.measured import Truth, at_size, exported
from shufflenet_flops.counting import Table, layer_table
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.calibration import Calibration, load_calibration
from shufflenet_flops.latency.predict.conformal import factor
from shufflenet_flops.latency.predict.onnx_graph import onnx_model
from shufflenet_flops.latency.predict.prediction import KernelTime, Predictor
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler
from shufflenet_flops.latency.predict.shipped import find_calibration
from shufflenet_flops.sources import Options, parse_input, resolve
from shufflenet_flops.spec import Node

BESIDE = Path("reports/prediction")
CALIBRATION = "-calibration.json.xz"  # after an engine's name


@dataclass(frozen=True)
class Told:
    """What was predicted: seconds, those of kernels that are covered, and the most of the others.

    `uncovered` names these.
    """

    seconds: float
    known_s: float
    most_s: float = 0.0
    uncovered: tuple[str, ...] = ()

    @classmethod
    def of(cls, times: Sequence[tuple[KernelTime, str]]) -> Told:
        """Of the kernels of a network, and why one is not covered."""
        known = sum(time.seconds for time, _ in times if time.covered)
        most = sum(time.most_s for time, _ in times if not time.covered)
        seconds = sum(time.seconds for time, _ in times)
        return cls(seconds, known, most, tuple(why for _, why in times if why))

    @property
    def covered(self) -> float:
        """The share of covered kernels, were the others to take their most."""
        return self.known_s / (self.known_s + self.most_s)

    def holds(self, seconds: float, off: float) -> bool:
        """Whether an interval that goes up and down by the factor `off` holds a time."""
        return self.known_s / off <= seconds <= self.known_s * off + self.most_s


@dataclass(frozen=True)
class Compared:
    """A network at a size: what was measured of it, and what was predicted. Times are in seconds.

    `kernels_s` is the sum of its own kernels, where they were measured; `rows` is predicted from
    its layer table, `compiled` from what the engine makes of it.
    """

    model: str
    size: int
    measured_s: float
    kernels_s: float | None
    rows: Told
    compiled: Told | None
    macs: int
    memory_bytes: int

    @property
    def family(self) -> str:
        """The first letters of its name."""
        return stem(self.model.partition(":")[2])


@dataclass(frozen=True)
class Guided:
    """A network of a guideline: seconds measured, and told by its rows and by what is compiled."""

    name: str
    macs: int
    measured_s: float
    rows_s: float
    compiled_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """An engine: what was measured on it, its calibration, and all networks that could be run.

    `guidelines` are those of ShuffleNet V2, each with its networks.
    """

    truth: Truth
    calibration: Calibration
    rows: tuple[Compared, ...]
    guidelines: Mapping[str, Sequence[Guided]] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Networks at a size that could not be run, or not counted."""
        return len(self.truth.rows) - len(self.rows)

    @property
    def covered(self) -> tuple[Compared, ...]:
        """Those of whose time calibrated kernels account for 95 % and more."""
        return tuple(row for row in self.rows if row.rows.covered >= 0.95)

    @property
    def compiled(self) -> tuple[Compared, ...]:
        """Those that the engine has compiled."""
        return tuple(row for row in self.rows if row.compiled is not None)

    def coverage(self, level: float, rows: Sequence[Compared]) -> float:
        """The share of `rows` whose time lies in the interval of this level, told by their rows."""
        off = factor(self.calibration.log_errors, level)
        return float(np.mean([row.rows.holds(row.measured_s, off) for row in rows]))

    def compiled_coverage(self, level: float) -> float:
        """The same, told by what the engine made of them."""
        off = factor(self.calibration.compiled_log_errors, level)
        told = [(row.compiled, row.measured_s) for row in self.rows if row.compiled is not None]
        return float(np.mean([compiled.holds(seconds, off) for compiled, seconds in told]))


def calibration_of(engine: str) -> Calibration:
    """The one that lies beside the report, or else the one that the package ships."""
    beside = BESIDE / f"{engine}{CALIBRATION}"
    return load_calibration(beside, engine) if beside.exists() else find_calibration(engine)[0]


def tested(truth: Truth) -> Outcome:
    """Predict every network that was measured."""
    calibration = calibration_of(truth.engine)
    predictor, compiling = Predictor(calibration), Predictor(calibration, compiled=True)
    rows = []
    for model, measured in groupby(truth.rows, lambda row: row.model):
        graph = cache(partial(exported, model))
        for row in measured:
            if row.seconds is None:
                continue
            try:
                table = _table(row.model, row.size)
            except Exception as error:  # a network of one size alone, above all
                print(f"left out: {row.model} at {row.size}: {error}", flush=True)
                continue
            told = Told.of(predictor.kernels(table.rows))
            compiled = _compiled(compiling, graph, row.size)
            sums = table.macs, table.memory_bytes
            found = Compared(row.model, row.size, row.seconds, row.kernels_s, told, compiled, *sums)
            rows.append(found)
    return Outcome(truth, calibration, tuple(rows), _guided(truth, predictor, compiling))


@cache
def _table(model: str, size: int) -> Table:
    return resolve(model, Options(inputs=(parse_input(f"1x3x{size}x{size}"),))).table


def _guided(
    truth: Truth, predictor: Predictor, compiling: Predictor
) -> dict[str, tuple[Guided, ...]]:
    seconds = {row.model: row.seconds for row in truth.guidelines if row.seconds}
    return {
        guideline: tuple(
            _told(seconds[name], name, network, predictor, compiling)
            for name, network in networks.items()
        )
        for guideline, networks in guidelines().items()
        if networks.keys() <= seconds.keys()
    }


def _told(
    seconds: float,
    name: str,
    network: tuple[Node, tuple[int, ...]],
    predictor: Predictor,
    compiling: Predictor,
) -> Guided:
    table = layer_table(*network)
    by_rows = sum(time.seconds for time, _ in predictor.kernels(table.rows))
    compiled = _compiled(compiling, lambda: onnx_model(*network), network[1][-1])
    return Guided(name, table.macs, seconds, by_rows, compiled and compiled.seconds)


def _compiled(compiling: Predictor, graph: Callable[[], Any], size: int) -> Told | None:
    """What the engine makes of a network; None for an engine that makes no graph."""
    profiler = find_profiler(compiling.calibration.engine)
    if not isinstance(profiler, GraphProfiler) or not compiling.calibration.compiled_log_errors:
        return None
    kernels = profiler.compiled(at_size(graph(), size).SerializeToString(), Setup())
    return Told.of(compiling.timed(kernels))


def off_by(rows: Sequence[Compared], predict: Callable[[Compared], float]) -> Errors:
    """The errors of a predictor over networks."""
    measured = np.array([row.measured_s for row in rows])
    return errors(np.array([predict(row) for row in rows]), measured)


def off_by_alone(rows: Sequence[Compared], amount: Callable[[Compared], float]) -> Errors:
    """The errors of one amount alone, times the factor that fits these very networks best."""
    measured: Floats = np.array([row.measured_s for row in rows])
    amounts = np.array([amount(row) for row in rows], dtype=float)
    return errors(amounts * np.median(measured / amounts), measured)
