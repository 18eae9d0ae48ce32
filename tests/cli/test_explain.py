"""`explain`: tables, sentences, JSON keys, warnings, and refusals in one line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shufflenet_flops.cli.app import run
from shufflenet_flops.counters import CounterReport, all_counters
from shufflenet_flops.counters.explain import explain
from shufflenet_flops.counters.run import run_counter
from shufflenet_flops.report.view.explain import explain_grids
from tests.counters.modules import CASES

SMALL = ["shufflenet_v1_x1_0_g3", "--input", "1x3x64x64"]


def stdout_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["explain", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of all counters at 224 pixels, whose totals people quote, in three formats."""
    folder = tmp_path_factory.mktemp("explain")
    files = [part for suffix in ("txt", "json", "csv") for part in ("-o", f"{folder}/all.{suffix}")]
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(["explain", "shufflenet_v1_x1_0_g3", *files]) == 0
    return folder / "all"


def test_table(written: Path) -> None:
    """Op classes down, counters across, and one sentence for each counter."""
    text = written.with_suffix(".txt").read_text()
    lines = text.splitlines()
    macs, flops = (line.split() for line in lines if line.startswith("residual"))
    sentences = [line for line in lines if " MACs; " in line or " FLOPs; " in line]

    assert "149,593,248 MACs; adds 4 per batch-norm element: +11,995,200" in text
    assert "274,921,344 FLOPs; counts 2 FLOP for each MAC" in text
    assert macs == ["residual", *["0"] * 7]
    assert flops == ["residual", *["0"] * 2]
    assert len(sentences) == len(all_counters())
    assert max(len(line) for line in lines[: lines.index("")]) <= 100


def test_json_keys(written: Path) -> None:
    """The keys that scripts rely on; the terms add up to what is reported."""
    (result,) = json.loads(written.with_suffix(".json").read_text())["results"]

    assert result["model"] == "shufflenet_v1_x1_0_g3"
    assert result["unknown_ops"] == {}
    assert result["norms"] == ["batch_norm"]
    assert result["slips"] == result["miscounts"]
    assert result["slips"]["torchinfo"] == []
    assert list(result["counters"]) == [counter.name for counter in all_counters()]
    for report in result["counters"].values():
        assert {"status", "reported", "unit", "predicted", "residual", "terms"} <= set(report)
        assert report["status"] == "ok"
        assert report["residual"] == 0
        assert sum(report["terms"].values()) == report["reported"]


def test_csv(written: Path) -> None:
    """One line per counter."""
    lines = list(csv.DictReader(io.StringIO(written.with_suffix(".csv").read_text())))

    assert [line["name"] for line in lines] == [counter.name for counter in all_counters()]
    assert {line["residual"] for line in lines} == {"0"}


def test_one_counter(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what was asked for is run."""
    text = stdout_of(capsys, *SMALL, "--counter", "thop", "--format", "json")
    (result,) = json.loads(text)["results"]

    assert list(result["counters"]) == ["thop"]


@pytest.mark.parametrize("number", ["149455872", "149,455,872", "149_455_872"])
def test_reported(capsys: pytest.CaptureFixture[str], number: str) -> None:
    """Where a number in a paper comes from, and what it is made of."""
    text = stdout_of(capsys, "shufflenet_v1_x1_0_g3", "--reported", number)

    assert "149,455,872 for shufflenet_v1_x1_0_g3 on 1x3x224x224: that is" in text
    assert "ultralytics-thop 2.2" in text
    assert "linear MACs 960,000 + norms 11,995,200" in text


def test_reported_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest, each with its difference."""
    text = stdout_of(capsys, "resnet50", "--reported", "4100000001", "--format", "json")
    (result,) = json.loads(text)["results"]

    assert result["matches"][0]["difference"] == 4_100_000_001 - result["matches"][0]["predicted"]
    assert len(result["matches"]) == 5


def test_warnings() -> None:
    """Where a counter is wrong rather than of another opinion."""
    module, x = CASES["shared by two parents"]()
    *_, last = explain_grids(explain("shared", module.eval(), [x]))

    assert any(
        note.startswith("warning: thop 0.1.1")
        and note.endswith("counts a module that 2 parents share 4 times: +48,600 MACs (0.child)")
        for note in last.notes
    )


def test_no_warnings_for_opinions() -> None:
    """Norms, pools and activations are worth what a counter says."""
    module, x = CASES["pools"]()
    *_, last = explain_grids(explain("pools", module.eval(), [x]))

    assert not [note for note in last.notes if note.startswith("warning")]


def test_other_norms_are_not_called_batch_norms() -> None:
    """A sentence names the norms that are there."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.LayerNorm([4, 8, 8]))

    *_, last = explain_grids(explain("norms", model.eval(), [torch.randn(1, 3, 8, 8)]))
    (note,) = (note for note in last.notes if note.startswith("thop"))

    assert "adds 4 per norm element: +1,024" in note


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "unknown model 'nonsense'"),
        (["resnet50", "--counter", "thopp"], "unknown counter 'thopp': did you mean thop?"),
        (["resnet50", "--timeout", "0"], "--timeout 0: must be more than 0 seconds"),
        (["resnet50", "--input", "2x3x64x64"], "batch 1, which is the first size; write 1x3x64x64"),
        (["resnet50", "--reported", "4.1Q"], "write it as it was printed"),
        (["resnet50", "--input", "1x3x4x4"], "is too small"),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Exit code 2, one line on stderr, nothing on stdout."""
    assert run(["explain", *arguments]) == 2
    captured = capsys.readouterr()

    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_small_term_is_not_shown_as_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Two biases beside thousands of MACs."""
    text = stdout_of(
        capsys, "mobilenet_v1@classes=2", "--input", "1x3x32x32", "--counter", "torchinfo"
    )
    (line,) = (line for line in text.splitlines() if line.startswith("linear biases"))

    assert line.split() == ["linear", "biases", "<0.001"]


def test_what_is_not_explained_is_loud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own heading before all else, with the counter and the rest; an error with --strict."""

    def off(counter: Any, *args: Any, **kwargs: Any) -> CounterReport:
        report = run_counter(counter, *args, **kwargs)
        return replace(report, reported=(report.reported or 0) + 7, residual=7, suspects=("relu",))

    arguments = ["explain", *SMALL, "--counter", "torch"]
    assert run([*arguments, "--strict"]) == 0
    assert "NOT EXPLAINED" not in capsys.readouterr().out

    monkeypatch.setattr("shufflenet_flops.counters.explain.run_counter", off)
    assert run(arguments) == 0
    assert run([*arguments, "--strict"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NOT EXPLAINED, please report it"
    assert "+7 FLOPs, of relu" in lines[1]
