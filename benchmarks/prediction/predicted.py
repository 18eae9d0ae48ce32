"""Predictions beside what was measured, and how far they are off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gpu_time.errors import Errors, Floats, errors
from benchmarks.gpu_time.families import stem
from benchmarks.prediction.measured import Truth
from shufflenet_flops.latency.predict.calibration import Calibration
from shufflenet_flops.latency.predict.conformal import factor
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.shipped import find_calibration
from shufflenet_flops.sources import Options, parse_input, resolve


@dataclass(frozen=True)
class Compared:
    """A network at a size: what was measured of it, and what its rows say. Times are in seconds."""

    model: str
    size: int
    measured_s: float
    kernels_s: float
    predicted_s: float
    covered: float
    uncovered: tuple[str, ...]
    macs: int
    memory_bytes: int

    @property
    def family(self) -> str:
        """The first letters of its name."""
        return stem(self.model.partition(":")[2])


@dataclass(frozen=True)
class Outcome:
    """An engine: what was measured on it, its calibration, and all networks that could be run."""

    truth: Truth
    calibration: Calibration
    rows: tuple[Compared, ...]

    @property
    def failed(self) -> int:
        """Networks at a size that could not be run, or not counted."""
        return len(self.truth.rows) - len(self.rows)

    @property
    def covered(self) -> tuple[Compared, ...]:
        """Those of whose time calibrated kernels account for 95 % and more."""
        return tuple(row for row in self.rows if row.covered >= 0.95)

    def coverage(self, level: float, rows: Sequence[Compared]) -> float:
        """The share of `rows` whose time lies in the interval of this level."""
        off = factor(self.calibration.log_errors, level)
        inside = [1 / off <= row.measured_s / row.predicted_s <= off for row in rows]
        return float(np.mean(inside))


def tested(truth: Truth) -> Outcome:
    """Predict every network that was measured, with the calibration that the package ships."""
    calibration, _ = find_calibration(truth.engine)
    predictor = Predictor(calibration)
    rows = []
    for row in truth.rows:
        if row.seconds is None or row.kernels_s is None:
            continue
        options = Options(inputs=(parse_input(f"1x3x{row.size}x{row.size}"),))
        try:
            source = resolve(row.model, options)
            found = predictor.predict(source)
        except Exception as error:  # a network of one size alone, above all
            print(f"left out: {row.model} at {row.size}: {error}", flush=True)
            continue
        rows.append(
            Compared(
                row.model,
                row.size,
                row.seconds,
                row.kernels_s,
                found.predicted_s,
                found.covered,
                found.uncovered,
                found.macs,
                source.table.memory_bytes,
            )
        )
    return Outcome(truth, calibration, tuple(rows))


def off_by(rows: Sequence[Compared], predict: Callable[[Compared], float]) -> Errors:
    """The errors of a predictor over networks."""
    measured = np.array([row.measured_s for row in rows])
    return errors(np.array([predict(row) for row in rows]), measured)


def off_by_alone(rows: Sequence[Compared], amount: Callable[[Compared], float]) -> Errors:
    """The errors of one amount alone, times the factor that fits these very networks best."""
    measured: Floats = np.array([row.measured_s for row in rows])
    amounts = np.array([amount(row) for row in rows], dtype=float)
    return errors(amounts * np.median(measured / amounts), measured)
