"""`fit --time` from the command line, and `sf.fit(time=…)`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import InputError
from tests.cli.test_predict import lawful_file

ENGINE = ("--engine", "onnxruntime")


def test_the_widest_within_a_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`predict` says the same of the network that is found, and of the next wider one."""
    file = ("--calibration", str(lawful_file(tmp_path)))

    assert run(["fit", "mobilenet_v1", "--time", "5 ms", *ENGINE, *file, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]

    assert found["metric"] == "time_s"
    assert found["budget"] == 0.005
    assert found["time_s"] <= 0.005 < found["next_wider"]["time_s"]
    assert found["calibration"]["machine"] == "a machine"
    for width in (found, found["next_wider"]):
        name = f"mobilenet_v1@c={width['channels']}"
        assert run(["predict", name, *ENGINE, *file, "--format", "json", "--quiet"]) == 0
        (predicted,) = json.loads(capsys.readouterr().out)["results"]
        assert predicted["predicted_s"] == pytest.approx(width["time_s"], rel=1e-9)
    python = sf.fit("mobilenet_v1", time="5ms", engine="onnxruntime", calibration=file[1])
    assert (python.channels, python.time_s) == (found["channels"], found["time_s"])


def test_the_table_is_in_milliseconds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With what predicts it, and that this machine is another one."""
    file = ("--calibration", str(lawful_file(tmp_path)))

    assert run(["fit", "mobilenet_v1", "--time", "5ms", "--macs", "1G", *ENGINE, *file]) == 0

    output = capsys.readouterr()
    assert "widest within 1,000 MMAC and 5 predicted ms" in output.out
    assert "predicted from the calibration of onnxruntime 1.2, 1 thread" in output.out
    assert "the calibration is of another machine: a machine" in output.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "5 MB", *ENGINE], "--time '5 MB': B is no unit of time: write text such as"),
        (["--time", "5", *ENGINE], "has no unit: write text such as"),
        (["--time", "5ms"], "on which engine? give --engine onnxruntime"),
        (["--macs", "1G", *ENGINE], "it is for a predicted time: give --time 5ms"),
        (["--macs", "1G", "--measure"], "it is for a predicted time: give --time 5ms"),
        (["--time", "1 us", *ENGINE], "has time_s"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """In one line that says what works."""
    assert run(["fit", "mobilenet_v1", *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_python_says_what_is_missing() -> None:
    """An engine with a time, and a time with an engine."""
    with pytest.raises(InputError, match="give engine"):
        sf.fit("mobilenet_v1", time="5 ms")
    with pytest.raises(InputError, match="give time"):
        sf.fit("mobilenet_v1", macs="1G", engine="onnxruntime")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")  # torch's own
def test_a_measured_check(capsys: pytest.CaptureFixture[str]) -> None:
    """The widest is timed on the engine, beside what is predicted."""
    pytest.importorskip("onnxruntime")
    arguments = ["fit", "shufflenet_unit", "--time", "1ms", *ENGINE, "--measure"]

    assert run([*arguments, "--format", "json"]) == 0

    (found,) = json.loads(capsys.readouterr().out)["results"]
    measured = found["measured_s"]
    assert 0 < measured["q1"] <= measured["median"] <= measured["q3"]
