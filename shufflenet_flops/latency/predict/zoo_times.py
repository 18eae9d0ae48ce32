"""What networks of the zoo take on every engine that there is a calibration of, as predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shufflenet_flops.latency.predict.conformal import MOST_UNCOVERED
from shufflenet_flops.latency.predict.prediction import CalibrationName, Prediction, Predictor
from shufflenet_flops.latency.predict.shipped import calibrated_engines, find_calibration
from shufflenet_flops.sources import resolve


@dataclass(frozen=True)
class EngineTimes:
    """Predicted seconds of networks by name, to three digits, each on its own input, batch 1.

    None where more than MOST_UNCOVERED of the time is of kernels that no measured one is like.
    """

    engine: str
    calibration: CalibrationName
    seconds: Mapping[str, float | None]


def zoo_times(names: Iterable[str]) -> list[EngineTimes]:
    """Of these networks of the zoo on each engine that has a calibration.

    Raises InputError where a calibration cannot be read, or scikit-learn is not installed.
    """
    sources = {name: resolve(name) for name in names}
    times = []
    for engine in calibrated_engines():
        predictor = Predictor(find_calibration(engine)[0])
        seconds = {name: _known(predictor.predict(source)) for name, source in sources.items()}
        times.append(EngineTimes(engine, predictor.name, seconds))
    return times


def _known(prediction: Prediction) -> float | None:
    if 1 - prediction.covered > MOST_UNCOVERED or prediction.unknown_ops:
        return None
    return float(f"{prediction.predicted_s:.3g}")
