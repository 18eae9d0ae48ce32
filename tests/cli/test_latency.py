"""`latency` and `shuffle` from the command line: results, refusals, Ctrl-C."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.extras import install_command

UNITS = ("shufflenet_unit@c=24,g=2,h=8,w=8", "shufflenet_unit@c=24,g=3,h=8,w=8")
MEASURE = "shufflenet_flops.latency.measure"
FAST = ("--engine", "eager", "--runs", "3", "--quiet")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command says, after which it exits with 2."""
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def result_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """The results of a command's JSON."""
    assert run([*arguments, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)["results"]


def test_json_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys that scripts rely on, base units, all samples."""
    first, second = result_of(capsys, "latency", *UNITS, *FAST)

    assert first["model"] == UNITS[0]
    assert (first["engine"], first["device"], first["dtype"]) == ("eager", "cpu", "float32")
    assert (first["threads"], first["batch"], first["input"]) == (1, 1, [1, 24, 8, 8])
    assert first["engine_version"].startswith("2.")
    assert len(first["samples_s"]) == 3
    assert first["q1_s"] <= first["median_s"] <= first["q3_s"]
    assert first["flop_per_s"] == pytest.approx(2 * first["macs"] / first["median_s"])
    assert first["max_abs_error"] == 0
    assert first["pairs"] == []
    assert set(second["pairs"][0]) == {"a", "b", "ratio", "low", "high"}
    assert second["pairs"][0]["b"] == f"{UNITS[0]} on eager"


def test_table_and_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Theory beside practice, a stamp, and a plot; the CSV has no samples."""
    files = [tmp_path / name for name in ("run.md", "run.csv", "run.json")]
    outputs = [argument for file in files for argument in ("-o", str(file))]
    plot = tmp_path / "run.svg"

    assert run(["latency", *UNITS, *FAST, *outputs, "--plot", str(plot)]) == 0
    text = capsys.readouterr().out
    first, second = csv.DictReader(files[1].read_text().splitlines())

    assert "input 1x24x8x8, float32, 1 thread, cpu" in text
    assert f"ratios: to {UNITS[0]} on the same engine" in text
    assert "peaks measured in this run" in text
    assert "measured on" in text
    assert str(tmp_path) not in text + files[0].read_text() + files[2].read_text()
    assert "samples_s" not in first
    assert second["model"] == UNITS[1]
    assert "<svg" in plot.read_text()


def test_roofline(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Layers with their bound and time, and under the roof in a plot."""
    plot = tmp_path / "roof.png"

    assert run(["latency", UNITS[0], *FAST, "--roofline", "--plot", str(plot)]) == 0
    text = capsys.readouterr().out

    assert "eager's slowest layers" in text
    assert "unit.branch.dw" in text
    assert "FLOP/byte (the ridge is at" in text
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_roofline_is_of_fp32(capsys: pytest.CaptureFixture[str]) -> None:
    """Its layers are timed in nothing else, so a row of another dtype has none."""
    assert run(["latency", UNITS[0], *FAST, "--roofline", "--dtype", "bfloat16"]) == 2
    assert "times layers in float32 on the CPU, not in bfloat16" in capsys.readouterr().err


def test_batch_and_dtype(capsys: pytest.CaptureFixture[str]) -> None:
    """The first axis of the input, and what is computed in."""
    (row,) = result_of(capsys, "latency", UNITS[0], *FAST, "--batch", "2", "--dtype", "bfloat16")

    assert (row["batch"], row["input"], row["dtype"]) == (2, [2, 24, 8, 8], "bfloat16")
    assert 1e-3 < row["max_rel_error"] < 5e-2


def test_what_does_not_fit_fails_and_the_rest_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AlexNet's 244 MB of weights in 100 MB; and nothing at all, which is exit code 1."""
    monkeypatch.setattr("shufflenet_flops.latency.memory.available_bytes", lambda: 10**8)
    models = ("alexnet", "shufflenet_v1_x0_25_g3", "--input", "1x3x64x64")
    file = tmp_path / "run.json"
    large, small = result_of(capsys, "latency", *models, *FAST, "-o", str(file))

    assert large["status"] == "failed"
    assert "out of memory" in large["reason"]
    assert small["status"] == "ok"
    assert len(json.loads(file.read_text())["results"]) == 2

    monkeypatch.setattr("shufflenet_flops.latency.memory.available_bytes", lambda: 0)
    assert result_of(capsys, "latency", UNITS[0], *FAST, code=1)[0]["status"] == "failed"


def test_a_huge_input_is_refused_for_the_memory_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is allocated."""
    arguments = ("shufflenet_v1_x0_25_g3", "--input", "1x3x1000000x1000000")
    (row,) = result_of(capsys, "latency", *arguments, *FAST, code=1)

    assert "out of memory: it needs at least" in row["reason"]


def test_what_an_engine_refuses_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason, beside what others measured."""
    arguments = (UNITS[0], "--batch", "2", "--engine", "ncnn", *FAST)
    refusing, measured = result_of(capsys, "latency", *arguments)

    assert (refusing["engine"], refusing["status"]) == ("ncnn", "failed")
    assert "batch 1" in refusing["reason"]
    assert measured["status"] == "ok"


def test_refusals(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line each, that says what would work."""
    assert "did you mean openvino" in refused(capsys, "latency", UNITS[0], "--engine", "opnvino")
    assert "name at least one MODEL" in refused(capsys, "latency")
    assert "is named twice" in refused(capsys, "latency", UNITS[0], UNITS[0])
    assert "is too small" in refused(
        capsys, "latency", "shufflenet_v1_x0_25_g3", "--input", "1x3x8x8"
    )
    assert "at least 2" in refused(
        capsys, "latency", UNITS[0], "--engine", "eager", "--runs", "1", "--quiet"
    )
    assert "Table 8 has 1x3x224x224" in refused(
        capsys, "paper", "time-table-8", "--input", "1x3x32x32"
    )
    assert "cannot read" in refused(capsys, "latency-diff", "none.json", "none.json")
    assert "nan is not a number of seconds" in refused(
        capsys, "latency", UNITS[0], "--min-time", "nan"
    )
    assert "--plot" in refused(capsys, "latency", UNITS[0], "--plot", str(tmp_path / "a.gif"))
    assert "torch finds no GPU" in refused(
        capsys, "latency", UNITS[0], "--engine", "eager", "--device", "cuda"
    )


def test_a_missing_engine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is an error where it was asked for, and named where it was not."""
    engine = "shufflenet_flops.latency.engines.ncnn.Ncnn"
    monkeypatch.setattr(f"{engine}.modules", ("no_such_module",))

    assert install_command("ncnn") in refused(capsys, "latency", UNITS[0], "--engine", "ncnn")


def test_two_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Saved, and compared; a changed environment is said to be unlike."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for file in (old, new):
        assert run(["latency", *UNITS, *FAST, "-o", str(file)]) == 0
    data = json.loads(new.read_text())
    data["environment"]["cores"] = 1000
    new.write_text(json.dumps(data))
    capsys.readouterr()

    assert run(["latency-diff", str(old), str(new)]) == 0
    text = capsys.readouterr().out
    changes = result_of(capsys, "latency-diff", str(old), str(new))

    assert "rows have medians within each other's quartiles" in text
    assert "unlike environments: cores" in text
    assert [change["model"] for change in changes] == list(UNITS)
    assert all(change["low"] <= change["ratio"] <= change["high"] for change in changes)


class Interrupting:
    """A clock that has Ctrl-C pressed at the n-th time it is read."""

    def __init__(self, n: int) -> None:
        self._left = n

    def __call__(self, call: Callable[[], object], repeats: int) -> float:
        call()
        self._left -= 1
        if not self._left:
            signal.raise_signal(signal.SIGINT)
        return 1.0


def test_ctrl_c_writes_what_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All rows marked partial, exit code 2."""
    file = tmp_path / "run.json"
    monkeypatch.setattr(f"{MEASURE}.timer_for", lambda device: Interrupting(2 * 4 + 2 * 5 + 1))

    assert run(["latency", *UNITS, "--engine", "eager", "--runs", "9", "-o", str(file)]) == 2
    captured = capsys.readouterr()
    rows = json.loads(file.read_text())["results"]

    assert captured.err.endswith("interrupted: what was measured is written, marked partial\n")
    assert "partial: interrupted" in captured.out
    assert [(row["partial"], len(row["samples_s"])) for row in rows] == [(True, 5)] * 2


def test_ctrl_c_before_anything_was_measured_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While warming up."""
    monkeypatch.setattr(f"{MEASURE}.timer_for", lambda device: Interrupting(3))

    assert "nothing was written" in refused(
        capsys, "latency", *UNITS, *FAST, "-o", str(tmp_path / "run.json")
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_table_8(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The paper's ratios and milliseconds beside ours."""
    file = tmp_path / "run.json"
    options = ("--input", "1x3x224x224", *FAST, "-o", str(file))

    assert run(["paper", "time-table-8", *options]) == 0
    text = capsys.readouterr().out

    assert "ShuffleNet V1, Table 8: ratios of times" in text
    assert "alexnet / shufflenet_v1_x0_5_g3" in text
    assert "12.11" in text
    assert "184.0" in text

    # It is a run of `latency` to those who read such files.
    assert run(["latency-diff", str(file), str(file)]) == 0
    assert "5 of 5 rows have medians within" in capsys.readouterr().out
    assert run(["report", str(file)]) == 0
    assert "How long do the models take" in capsys.readouterr().out


def test_shuffle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The permutation drawn, who sees whom, and a picture of it."""
    plot = tmp_path / "shuffle.svg"

    assert run(["shuffle", "--g", "3", "--n", "4", "--plot", str(plot)]) == 0
    text = capsys.readouterr().out
    (result,) = result_of(capsys, "shuffle", "--g", "3", "--n", "4")

    assert "A0 B0 C0 A1" in text
    assert "6 of 9 pairs of groups are not connected" in text
    assert "n=4 is no multiple of g=3" in text
    assert "14/99" in text
    assert result["permutation"] == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert result["connectivity"][1]["matrix"] == [[2, 1, 1], [1, 2, 1], [1, 1, 2]]
    assert "<svg" in plot.read_text()


def test_shuffle_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes that cannot be drawn, and groups that ShuffleNet has no widths for."""
    assert "at most 4096" in refused(capsys, "shuffle", "--g", "100", "--n", "100")
    assert "widths for g of 1, 2, 3, 4, 8" in refused(capsys, "shuffle", "--g", "5", "--cost")
    assert "not a whole number" in refused(capsys, "shuffle", "--g", "0")


@pytest.mark.slow
def test_shuffle_cost(capsys: pytest.CaptureFixture[str]) -> None:
    """Every way at every size, and the share of the unit's time on an engine."""
    (result,) = result_of(capsys, "shuffle", "--cost", *FAST)
    ways = {cost["way"] for cost in result["costs"]}

    assert len(ways) == 5
    assert [cost["c"] for cost in result["costs"]] == [60] * 5 + [120] * 5 + [240] * 5
    assert result["costs"][0]["moved_bytes"] == 2 * 4 * 60 * 28 * 28
    assert [share["c"] for share in result["unit_shares"]] == [240, 480, 960]
    assert all(share["low"] <= share["share"] <= share["high"] for share in result["unit_shares"])
