"""`count --sort time`: each layer's predicted time, from a calibration."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.report.format.json import as_json
from tests.latency.predict.laws import SECOND_OF_A_MAC, SECONDS_OF_A_KERNEL, lawful


@pytest.fixture
def calibration(tmp_path: Path) -> str:
    """A small one, whose kernels follow a law."""
    file = tmp_path / "c.json"
    file.write_text(as_json("calibrate", None, [lawful()]))
    return str(file)


@pytest.fixture
def net() -> nn.Module:
    """Two pointwise convolutions; with the first go its norm and its activation."""
    return nn.Sequential(
        nn.Conv2d(24, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU(), nn.Conv2d(48, 40, 1)
    ).eval()


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The result of `count` as JSON."""
    assert run(["count", *arguments, "--format", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    return result


def test_rows_have_the_time_of_their_kernels(net: nn.Module, calibration: str) -> None:
    """By the law 1e-10 s a MAC and 5e-6 s a kernel; what is within a kernel takes none itself."""
    found = sf.count(net, (1, 24, 14, 14), engine="onnxruntime", calibration=calibration)
    first, norm, activation, last = found.table.times

    assert (norm, activation) == (0, 0)
    for seconds, macs in ((first, 14 * 14 * 24 * 48), (last, 14 * 14 * 48 * 40)):
        assert seconds == pytest.approx(SECOND_OF_A_MAC * macs + SECONDS_OF_A_KERNEL, rel=1e-2)
    assert found.result.time is not None
    assert found.table.time_s == pytest.approx(found.result.time.predicted_s)
    by_kind = found.by("kind")
    assert by_kind["pointwise conv"].time_s == pytest.approx(first + last)
    assert by_kind["norm"].time_s == 0


def test_they_add_up_to_what_predict_says(
    capsys: pytest.CaptureFixture[str], calibration: str
) -> None:
    """Attention, which is several kernels, included."""
    for model in ("shufflenet_v2_x0_5", "vit_b_32"):
        options = ("--engine", "onnxruntime", "--calibration", calibration)
        result = counted(capsys, model, *options)
        whole = sf.predict(model, engine="onnxruntime", calibration=calibration)

        assert result["time"]["predicted_s"] == pytest.approx(whole.seconds)
        assert sum(row["time_s"] for row in result["rows"]) == pytest.approx(whole.seconds)
        assert result["time"]["engine"] == "onnxruntime"
        assert result["time"]["covered"] < 1


def test_the_slowest_first(capsys: pytest.CaptureFixture[str], calibration: str) -> None:
    """A pool without MACs and parameters is no zero layer here; nothing is lost in the others."""
    options = ["--calibration", calibration, "--columns", "macs,time"]
    assert run(["count", "shufflenet_v1_x1_0_g3", "--sort", "time", "--top", "6", *options]) == 0
    out = capsys.readouterr().out
    figures = [
        float(line.split()[-1]) for line in out.splitlines() if re.search(r"\d\.\d{3}$", line)
    ]

    assert figures[:6] == sorted(figures[:6], reverse=True)
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=0.005)
    assert "ms for one run on onnxruntime" in out
    assert "warning: the calibration is of another machine: a machine" in out
    assert "what the engine runs within a layer" in out
    zeros = re.findall(r"(\d+) zero layers", out)
    assert zeros
    assert int(zeros[0]) < 60


def test_the_page_has_an_area_by_time(tmp_path: Path, calibration: str) -> None:
    """In whole nanoseconds, and read back from the JSON as they were."""
    page, saved = tmp_path / "x.html", tmp_path / "x.json"
    found = sf.count("shufflenet_v2_x0_5", engine="onnxruntime", calibration=calibration)
    found.save(page)
    found.save(saved)
    again = tmp_path / "again.html"
    assert run(["report", str(saved), "-o", str(again)]) == 0

    for text in (page.read_text(), again.read_text()):
        (table,) = re.findall(r'<table id="[^"]*-layers">.*?</table>', text, re.DOTALL)
        assert 'data-name="time_ns"' in table
        (total,) = re.findall(r'<tr class="total">(.*?)</tr>', table, re.DOTALL)
        values = list(map(int, re.findall(r'data-value="(\d+)"', total)))
        assert values[-1] == pytest.approx(1e9 * found.table.time_s, abs=1)
        assert "on onnxruntime" in text
    sf.count("shufflenet_v2_x0_5").save(page)
    assert "time_ns" not in page.read_text().partition("<script>")[0]


def test_without_the_extra_it_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where nothing has been learned
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert run(["count", "resnet18", "--sort", "time"]) == 2
    captured = capsys.readouterr()

    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "[predict]" in captured.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--engine", "onnx"), "onnxruntime"),
        (("--engine", "eager"), "calibrate --engine eager"),
        (("--calibration", "c.json"), "--calibration: of which engine? add --engine onnxruntime"),
        (("--sort", "time", "--calibration", "none.json"), "none.json"),
        (("--training", "--engine", "onnxruntime"), "--engine: has no use with --training"),
    ],
)
def test_what_cannot_be(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    assert run(["count", "resnet18", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert told in captured.err


def test_what_cannot_be_in_python(net: nn.Module) -> None:
    for asked, told in (
        ({"calibration": "c.json"}, "of which engine"),
        ({"engine": "onnxruntime", "training": True}, "no predicted time"),
        ({"engine": "tvm"}, "onnxruntime"),
    ):
        with pytest.raises(sf.ShufflenetFlopsError, match=told):
            sf.count(net, (1, 24, 14, 14), **asked)  # type: ignore[arg-type] # wrong on purpose
