"""`time = "5 ms"` in a budget file: predicted from a committed calibration."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from shufflenet_flops.budget.check import check
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.budget.predicting import hold
from shufflenet_flops.budget.verdict import Report
from shufflenet_flops.errors import ConfigError
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.report.format.json import as_json
from shufflenet_flops.sources import Options, resolve
from tests.latency.predict.laws import lawful

HEAD = 'schema = 1\nengine = "onnxruntime"\ncalibration = "c.json"\n'
ENTRY = '[[budget]]\nmodel = "mobilenet_v1_x1_0"\n'


def checked(folder: Path, entry: str, head: str = HEAD) -> Report:
    """The report on a budget file beside a small calibration."""
    (folder / "c.json").write_text(as_json("calibrate", None, [lawful()]))
    (folder / "flop-budget.toml").write_text(f"{head}{ENTRY}{entry}\n")
    return check(folder / "flop-budget.toml")


def predicted_s() -> float:
    """What the small calibration says of the network."""
    return Predictor(lawful()).predict(resolve("mobilenet_v1_x1_0", Options())).predicted_s


def test_a_time_over_its_limit_fails(tmp_path: Path) -> None:
    """It is an error, as it is the same on every run; and says on what it was predicted."""
    (verdict,) = checked(tmp_path, 'time = "10 us"').verdicts

    assert (verdict.status, verdict.level, verdict.metric) == ("over", "error", "time")
    assert verdict.actual == predicted_s()
    assert verdict.limit == 1e-5
    assert f"predicted {1e3 * predicted_s():.3g} ms > 0.01 ms" in verdict.message
    assert "on onnxruntime 1.2, 1 thread, on a machine" in verdict.message
    assert "raise `time`" in verdict.hint
    assert "the calibration is of another machine: a machine" in verdict.hint
    assert verdict.line == 6
    assert checked(tmp_path, 'time = "10 us"').exit_code == 1


def test_it_is_the_same_on_every_run(tmp_path: Path) -> None:
    """Whatever the machine."""
    first, second = (checked(tmp_path, 'time = "1 s"') for _ in range(2))

    assert first == second


def test_what_no_measured_kernel_is_like_is_not_known(tmp_path: Path) -> None:
    """The small calibration has pointwise convolutions alone."""
    (verdict,) = checked(tmp_path, 'time = "1 s"\nlevel = "warn"').verdicts

    assert (verdict.status, verdict.level, verdict.passed) == ("unknown", "warn", True)
    assert "depthwise conv: no such kernel was measured" in verdict.message


def test_a_time_within_its_limit() -> None:
    """All of it covered by what was measured."""
    prediction = Predictor(lawful()).predict(resolve("mobilenet_v1_x1_0", Options()))
    known = replace(prediction, covered=1.0, uncovered=(), predicted_s=0.004, low_s=None)

    verdict = hold(known, "m", Limit("time", Decimal("0.005")))

    assert verdict.status == "ok"
    assert verdict.message.startswith("predicted 4 ms ≤ 5 ms, on onnxruntime 1.2")
    assert verdict.delta == pytest.approx(-0.001)


@pytest.mark.parametrize(
    ("head", "entry", "problem"),
    [
        ("schema = 1\n", 'time = "5 ms"', 'write engine = "onnxruntime" at the top of the file'),
        (HEAD, 'time = "5 MB"', "B is no unit of time: write text such as"),
        (HEAD, "time = 5", 'write text such as "5 ms" or "0.005 s"'),
        ('schema = 1\nengine = ""\n', 'time = "5 ms"', "must be a text"),
    ],
)
def test_what_is_wrong_in_the_file(tmp_path: Path, head: str, entry: str, problem: str) -> None:
    """Is said with its line."""
    with pytest.raises(ConfigError) as raised:
        checked(tmp_path, entry, head)

    assert any(problem in one.what for one in raised.value.problems)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('schema = 1\nengine = "tvm"\n', "tvm"),
        ('schema = 1\nengine = "onnxruntime"\ncalibration = "no.json"\n', "no.json"),
    ],
)
def test_a_calibration_that_is_not_there(tmp_path: Path, head: str, message: str) -> None:
    """Is an error of every model that needs it, and never a pass."""
    report = checked(tmp_path, 'time = "5 ms"', head)

    assert report.exit_code == 2
    assert message in report.verdicts[0].message
