"""Predicted times of the zoo's networks on every calibrated engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflenet_flops.latency.predict.conformal import MOST_UNCOVERED
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.shipped import calibrated_engines, find_calibration
from shufflenet_flops.latency.predict.zoo_times import zoo_times
from shufflenet_flops.sources import resolve

NAMES = ("shufflenet_v1_x1_0_g3", "resnet18", "swin_t")


def test_a_time_is_what_predict_says_to_three_digits_and_none_for_a_guess() -> None:
    known = set()
    for times in zoo_times(NAMES):
        predictor = Predictor(find_calibration(times.engine)[0])
        assert times.calibration == predictor.name
        for name, seconds in times.seconds.items():
            prediction = predictor.predict(resolve(name))
            if prediction.covered < 1 - MOST_UNCOVERED:
                assert seconds is None
            else:
                assert seconds == pytest.approx(prediction.predicted_s, rel=0.005)
                assert seconds == float(f"{seconds:.3g}")
            known.add(seconds is not None)

    assert known == {True, False}


def test_engines_with_a_calibration_here_or_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert calibrated_engines() == ["onnxruntime", "openvino"]

    Path("calibration-eager.json").touch()
    assert calibrated_engines() == ["eager", "onnxruntime", "openvino"]
