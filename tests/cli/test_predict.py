"""`calibrate` and `predict` from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.latency.predict.calibration import SCHEMA, load_calibration
from shufflenet_flops.report.format.json import as_json
from tests.latency.predict.laws import lawful

QUICK = ("--engine", "onnxruntime", "--networks", "3", "--quiet")


def predicted(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """The results of `predict` as JSON."""
    assert run(["predict", *arguments, "--engine", "onnxruntime", "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)["results"]


def lawful_file(folder: Path) -> Path:
    """A small calibration, which is learned from in no time."""
    file = folder / "c.json"
    file.write_text(as_json("calibrate", None, [lawful()]))
    return file


def test_json_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys that scripts rely on, in base units, from what comes with the package."""
    first, second = predicted(capsys, "shufflenet_v2_x1_0", "resnet50", "--input", "160")

    assert {
        *("model", "engine", "input", "predicted_s", "low_s", "high_s", "covered", "uncovered"),
        *("macs_only_s", "calibration"),
    } <= set(first)
    assert first["input"] == [1, 3, 160, 160]
    assert first["low_s"] < first["predicted_s"] < first["high_s"] < second["predicted_s"]
    assert 0.95 < first["covered"] <= 1
    assert {"name", "machine", "engine_version", "date"} <= set(first["calibration"])
    assert sum(kernel["seconds"] for kernel in first["kernels"]) == pytest.approx(
        first["predicted_s"]
    )


def test_it_is_the_same_on_every_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = lawful_file(tmp_path)
    first, second = (
        predicted(capsys, "mobilenet_v2", "--calibration", str(file)) for _ in range(2)
    )
    assert first == second


def test_the_table_says_where_it_comes_from(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = lawful_file(tmp_path)
    command = ["predict", "resnet18", "--engine", "onnxruntime", "--calibration", str(file)]
    assert run([*command, "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert "resnet18: the kernels that take most, of" in out
    assert "predicted time on onnxruntime" in out
    assert "from 40 random networks (c.json)" in out
    assert "MACs only" in out


def test_strict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From pointwise convolutions alone most of a network is guessed: told, and exit 1."""
    file = lawful_file(tmp_path)
    arguments = ("resnet18", "--calibration", str(file), "--strict")

    (result,) = predicted(capsys, *arguments, code=1)
    assert result["covered"] < 0.95
    assert any("max_pool2d: no such kernel was measured" in why for why in result["uncovered"])
    assert predicted(capsys, *arguments[:-1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "resnet18", "--engine", "onnxruntim"], "did you mean onnxruntime?"),
        (["predict", "resnet18", "--engine", "onnxruntime", "--calibration", "x.json"], "x.json"),
        (["calibrate", "--engine", "onnxruntime", "--budget", "soon"], "10min, 90s or 1h"),
        (["calibrate", "--engine", "onnxruntime", "--budget", "0s"], "10min, 90s or 1h"),
        (["calibrate", "--engine", "onnxruntime", "-o", "x.csv"], ".json.gz or .json.xz"),
    ],
)
def test_refusals(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    """One line, exit 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert list(tmp_path.iterdir()) == []


def test_calibrate_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Three networks, then the next two; what was measured first stays as it was."""
    pytest.importorskip("onnxruntime")
    file = tmp_path / "c.json.gz"
    assert run(["calibrate", *QUICK, "-o", str(file)]) == 0
    first = load_calibration(file, "onnxruntime")
    assert [sample.number for sample in first.samples] == [0, 1, 2]
    assert "3 random networks, in c.json.gz" in capsys.readouterr().out

    assert run(["calibrate", *QUICK, "--networks", "5", "-o", str(file)]) == 0
    second = load_calibration(file)
    assert second.samples[:3] == first.samples
    assert len(second.samples) == 5


def test_ctrl_c_keeps_what_was_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2, a line that says how to go on, and a file that can be gone on with."""
    pytest.importorskip("onnxruntime")
    from shufflenet_flops.latency.predict import measuring
    from shufflenet_flops.latency.predict.calibration import Calibration

    def cut_short(begun: Calibration, *_: object) -> Iterator[tuple[Calibration, int]]:
        samples = lawful()
        yield replace(begun, kinds=samples.kinds, samples=samples.samples), 39
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measured", cut_short)
    file = tmp_path / "c.json"

    assert run(["calibrate", "--engine", "onnxruntime", "-q", "-o", str(file)]) == 2
    assert "interrupted: the same command goes on" in capsys.readouterr().err
    assert load_calibration(file).samples == lawful().samples


def test_calibrate_does_not_mix_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    file = lawful_file(tmp_path)
    before = file.read_bytes()

    assert run(["calibrate", *QUICK, "-o", str(file)]) == 2
    assert "engine_version 1.2, and here it is" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_calibrate_does_not_go_on_with_an_older_format(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    file = lawful_file(tmp_path)
    text = file.read_text().replace(f'"version": {SCHEMA}', '"version": 2')
    file.write_text(text)

    assert run(["calibrate", *QUICK, "-o", str(file)]) == 2
    error = capsys.readouterr().err
    assert "version 2 of the format" in error
    assert error.endswith(": name a new file with -o\n")
    assert file.read_text() == text


def test_a_network_of_the_zoo_takes_no_torch(tmp_path: Path) -> None:
    """In a process of its own, so that nothing else has imported it."""
    file = str(lawful_file(tmp_path))
    code = (
        "import sys\n"
        "from shufflenet_flops.cli.app import run\n"
        "command = ['predict', 'shufflenet_v2_x0_5', '--engine', 'onnxruntime']\n"
        f"assert run([*command, '--calibration', {file!r}]) == 0\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_compile_goes_by_the_engines_kernels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Of a network of the zoo, of a module and of a graph; all are exported and none is run."""
    pytest.importorskip("onnxruntime")
    from shufflenet_flops.latency.predict.onnx_graph import onnx_model
    from shufflenet_flops.zoo import find

    rows, compiled = (
        predicted(capsys, "shufflenet_v2_x0_5", *more)[0] for more in ((), ("--compile",))
    )
    assert (rows["compiled"], compiled["compiled"]) == (False, True)
    kinds = {kernel["kind"] for kernel in compiled["kernels"]}
    assert {"pointwise conv/blocked", "Concat"} <= kinds
    assert compiled["predicted_s"] == pytest.approx(rows["predicted_s"], rel=0.5)
    assert compiled["low_s"] < compiled["predicted_s"] < compiled["high_s"]

    network = find("shufflenet_v2_x0_5")
    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_model(network.spec, network.input).SerializeToString())
    (graph,) = predicted(capsys, str(file), "--compile")
    assert graph["predicted_s"] == compiled["predicted_s"]


def test_compile_takes_what_can_be_compiled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line for a calibration without the engine's own kernels, and for other sizes."""
    pytest.importorskip("onnxruntime")
    from shufflenet_flops.latency.predict.onnx_graph import onnx_model
    from shufflenet_flops.spec import Conv2d

    engine = ("--engine", "onnxruntime", "--compile")
    assert run(["predict", "resnet18", *engine, "--calibration", str(lawful_file(tmp_path))]) == 2
    assert "tells nothing of the engine's own kernels" in capsys.readouterr().err

    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_model(Conv2d(3, 16), (1, 3, 8, 8)).SerializeToString())
    assert run(["predict", str(file), *engine, "--input", "1x3x16x16"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
