"""`sf.predict`: how long a model takes on a calibrated engine, without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.api.model import AnyModel, ModelInput, source_of
from shufflenet_flops.api.result import Result
from shufflenet_flops.report.document import Document

if TYPE_CHECKING:
    from shufflenet_flops.counting.result import TimeResult
    from shufflenet_flops.latency.predict.prediction import KernelTime, Prediction, Predictor
    from shufflenet_flops.sources import Source

_TOP = 5


@dataclass(frozen=True, repr=False)
class Predicted(Result):
    """The time of one model; see `Prediction` for what it holds.

    `where` tells where the calibration is from, `doubts` in what this machine differs from its.
    """

    prediction: Prediction
    where: str
    doubts: Sequence[str]

    @property
    def seconds(self) -> float:
        """The predicted time of one run."""
        return self.prediction.predicted_s

    @property
    def interval(self) -> tuple[float, float] | None:
        """Seconds that hold the true time of 90 % of networks like those of the calibration."""
        low, high = self.prediction.low_s, self.prediction.high_s
        return None if low is None or high is None else (low, high)

    @property
    def covered(self) -> float:
        """The share of the time that is of kernels like those that were measured."""
        return self.prediction.covered

    @property
    def kernels(self) -> Sequence[KernelTime]:
        """Each kernel's time."""
        return self.prediction.kernels

    def document(self) -> Document:
        """What `predict` writes."""
        from shufflenet_flops.report.view.predict import prediction_grids, prediction_records

        found = [self.prediction]
        grids = prediction_grids(found, _TOP, self.where, self.doubts)
        return Document("predict", None, found, grids, prediction_records(found), notes=self.doubts)

    def __repr__(self) -> str:
        return (
            f"<Predicted {self.prediction.model}: {1e3 * self.seconds:.3g} ms on "
            f"{self.prediction.engine}, {self.covered:.0%} covered>"
        )


def predict(
    model: AnyModel,
    input: ModelInput | None = None,
    *,
    engine: str = "onnxruntime",
    calibration: str | Path | None = None,
    compile: bool = False,
    args: Mapping[str, Any] | None = None,
) -> Predicted:
    """How long a model takes on an engine, from a calibration, without running the model.

    `model`, `input` and `args` are as `count` takes them. `calibration` is a file that `calibrate`
    wrote; by default it is `calibration-ENGINE.json` of this directory, or else the one that comes
    with the package. With `compile` the engine itself compiles the model, without running it, and
    the time is that of its own kernels, which is closer. Needs the extra `[predict]`.

    Raises InputError for an engine that is not calibrated and for a file that is no calibration,
    and what `count` raises.
    """
    from shufflenet_flops.latency.predict.prediction import Predictor, doubts_here
    from shufflenet_flops.latency.predict.shipped import find_calibration

    source = source_of(model, input, args)
    found, where = find_calibration(engine, Path(calibration) if calibration else None)
    return Predicted(Predictor(found, compiled=compile).predict(source), where, doubts_here(found))


def predictor_of(engine: str, calibration: Path | None) -> Predictor:
    """What predicts times on an engine. Raises InputError where there is no calibration."""
    from shufflenet_flops.latency.predict.prediction import Predictor
    from shufflenet_flops.latency.predict.shipped import find_calibration

    return Predictor(find_calibration(engine, calibration)[0])


def doubts_of(predictor: Predictor | None) -> list[str]:
    """In what this machine differs from that of a predictor's calibration."""
    if predictor is None:
        return []
    from shufflenet_flops.latency.predict.prediction import doubts_here

    return doubts_here(predictor.calibration)


def row_times(source: Source, predictor: Predictor) -> tuple[TimeResult, tuple[float, ...]]:
    """The predicted time of a source, and that of each row of its table, in seconds."""
    from shufflenet_flops.counting.result import TimeResult
    from shufflenet_flops.latency.predict.prediction import doubts_here

    prediction = predictor.predict(source)
    time = TimeResult(
        engine=prediction.engine,
        calibration=f"the calibration {prediction.calibration.name}",
        predicted_s=prediction.predicted_s,
        low_s=prediction.low_s,
        high_s=prediction.high_s,
        covered=prediction.covered,
        uncovered=prediction.uncovered,
        doubts=tuple(doubts_here(predictor.calibration)),
    )
    return time, predictor.by_row(source.table.rows)
