"""Exit codes, stdout and stderr of every command; files written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run

UNITS = ["compare", "--no-latency"]


def stdout_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_compare_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The papers' units, with what each counter adds; piped, and so not cut at 80 columns."""
    text = stdout_of(capsys, *UNITS, "--c", "240", "--g", "3")

    assert "hw(2cm/g+9m)" in text
    assert "47.981" in text
    assert "7.950*" in text
    assert "formula = analytic = traced: resnet 47,980,800" in text
    assert "adds 4 per batch-norm element: +1,128,960 each" in text
    assert "…" not in text


def test_compare_json_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys that scripts rely on, full integers."""
    data = json.loads(stdout_of(capsys, *UNITS, "--format", "json"))
    by_unit = {result["unit"]: result for result in data["results"]}
    unit = by_unit["shufflenet"]

    assert data["schema"] == 1
    assert data["command"] == "compare"
    assert list(by_unit) == ["resnet", "resnext", "shufflenet"]
    assert [unit[key] for key in "cmghw"] == [240, 60, 3, 28, 28]
    assert unit["analytic_macs"] == unit["traced_macs"] == unit["formula_macs"] == 7_949_760
    assert unit["params"] == 10_860
    assert unit["latency_s"] is None
    assert {"status", "reported", "unit", "version", "predicted", "residual", "terms"} <= set(
        unit["counters"]["thop"]
    )
    assert unit["counters"]["thop"]["residual"] == 0


def test_compare_models(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole networks, at a size of one's own, measured too."""
    text = stdout_of(
        capsys,
        "compare",
        "resnet18",
        "shufflenet_v1_x0_5_g3",
        "--input",
        "1x3x64x64",
        "--runs",
        "3",
        "--quiet",
        "--format",
        "json",
    )
    first, second = json.loads(text)["results"]

    assert first["model"] == "resnet18"
    assert "unit" not in first
    assert first["latency_s"]["runs"] == 3
    assert first["latency_s"]["ratio"] is None
    assert second["latency_s"]["ratio"]["to"] == "resnet18"


def test_compare_chosen_units_in_the_order_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """`--unit` is repeatable."""
    text = stdout_of(
        capsys,
        *UNITS,
        "--unit",
        "shufflenet",
        "--unit",
        "resnet",
        "--stride",
        "2",
        "--format",
        "json",
    )

    results = json.loads(text)["results"]
    assert [result["unit"] for result in results] == ["shufflenet", "resnet"]
    assert results[0]["formula"] is None
    assert results[0]["m"] == 120


def test_count_shows_the_papers_pointwise_share(capsys: pytest.CaptureFixture[str]) -> None:
    """ShuffleNet V1, section 3.1: 93.4 % of a ResNeXt unit is in its pointwise convolutions."""
    text = stdout_of(capsys, "count", "resnext_unit@c=256,m=128,g=32")

    (line,) = [line for line in text.splitlines() if line.startswith("pointwise conv")]
    assert "93.4 %" in line


def test_count_json_and_csv(capsys: pytest.CaptureFixture[str]) -> None:
    """The same integers in both; the CSV has a line per layer."""
    data = json.loads(stdout_of(capsys, "count", "shufflenet_v1_x1_0_g3", "--format", "json"))
    (result,) = data["results"]
    lines = list(
        csv.DictReader(
            io.StringIO(stdout_of(capsys, "count", "shufflenet_v1_x1_0_g3", "--format", "csv"))
        )
    )

    assert data["convention"] == "paper"
    assert result["macs"] == 137_460_672
    assert result["flops"] == 274_921_344
    assert result["unknown_ops"] == []
    assert sum(kind["macs"] for kind in result["by_kind"].values()) == result["macs"]
    assert len(lines) == len(result["rows"])
    assert sum(int(line["macs"]) for line in lines) == 137_460_672
    assert lines[0]["output"] == "1x24x112x112"


@pytest.mark.parametrize(
    ("convention", "total"),
    [("paper", 137_460_672), ("paper-conv", 136_500_672), ("flops", 274_921_344)],
)
def test_count_conventions(capsys: pytest.CaptureFixture[str], convention: str, total: int) -> None:
    """One network, three totals, each named."""
    text = stdout_of(capsys, "count", "shufflenet_v1_x1_0_g3", "--convention", convention)

    assert f"{total:,}" in text
    assert f"under `{convention}`" in text


@pytest.mark.parametrize("by", ["layer", "unit", "stage", "kind"])
def test_count_groupings(capsys: pytest.CaptureFixture[str], by: str) -> None:
    """Each has a total line or lists every layer, and the note under it."""
    text = stdout_of(capsys, "count", "shufflenet_v1_x1_0_g3", "--by", by)

    assert "137,460,672 MACs" in text
    assert {"layer": "stage2.0.branch.pw1", "unit": "stage2.0", "stage": "stage2"}.get(
        by, "linear"
    ) in text


def test_count_markdown_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """GitHub's syntax, a rule under the heading."""
    text = stdout_of(capsys, "count", "resnet50", "--format", "markdown")

    assert text.startswith("### resnet50 on 1x3x224x224\n\n| stage | MMAC |")
    assert "\n| :--- | ---: |" in text


def test_a_glob_stands_for_all_networks_that_it_matches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = json.loads(stdout_of(capsys, "compare", "mnasnet0*", "--no-latency", "--format", "json"))

    assert [result["model"] for result in data["results"]] == ["mnasnet0_5", "mnasnet0_75"]


def test_models_and_env(capsys: pytest.CaptureFixture[str]) -> None:
    """The zoo and the machine."""
    assert "shufflenet_v1@" in stdout_of(capsys, "models")
    data = json.loads(stdout_of(capsys, "models", "resnext*", "--format", "json"))
    assert data["results"][0]["macs"] == 4_230_479_872
    data = json.loads(stdout_of(capsys, "models", "--family", "regnet", "--format", "json"))
    assert {result["family"] for result in data["results"]} == {"regnet"}
    assert len(data["results"]) == 30
    assert "torch" in stdout_of(capsys, "env")


def test_alone_it_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """No arguments, no error."""
    text = stdout_of(capsys)

    assert "Usage: shufflenet-flops" in text
    assert "shufflenet-flops compare --c 240 --g 3" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "compare --c 250",
            "g=3 needs output channels divisible by 4·g=12; nearest are 240 and 252",
        ),
        ("compare --m 7", "m=7 must be divisible by g=3; nearest are 6 and 9"),
        ("compare --c 244 --m 60", "c=244 must be divisible by g=3; nearest are 243 and 246"),
        ("compare --g 0", "'--g': 0 is not a whole number of at least 1"),
        ("compare --c -5", "'--c': -5 is not a whole number of at least 1"),
        ("compare --h abc", "'--h': abc is not a whole number of at least 1"),
        ("compare --w 1.5", "'--w': 1.5 is not a whole number of at least 1"),
        ("compare --stride 3", "--stride 3: must be 1 or 2"),
        ("compare --unit resnt", "unknown unit 'resnt': did you mean resnet or resnext?"),
        ("compare resnet5", "unknown model 'resnet5': did you mean resnet50"),
        ("compare resnet50 resnet50", "a model is named twice"),
        ("compare --input 1x3x8x8", "--input: it is for whole networks"),
        ("compare --h 1 --stride 2", "is too small"),
        (
            "count resnet50 --input 1x3x16x16",
            "resnet50 divides height and width by 32x32, so the smallest is 1x3x32x32",
        ),
        (
            "count resnet50 --input 224x224x3",
            "three sizes are channels, height and width, and resnet50 takes 3 channels",
        ),
        (
            "count resnet50 --input 1x1x3x224x224",
            "resnet50 takes 4 sizes, batch first, as in 1x3x224x224",
        ),
        ("count resnet50 --input 1x3x0x8", "sizes must be positive whole numbers joined by x"),
        (
            "count resnet50 --input 1x4x64x64",
            "conv1.conv on input 1x4x64x64: input channels=4 must equal c_in=3",
        ),
        ("count resnet50 --convention papr", "unknown convention 'papr': did you mean paper?"),
        ("count resnet50 --by unti", "'--by'"),
        ("count", "Missing argument 'MODEL'"),
        ("models xyz*", "unknown model 'xyz*'"),
        ("models --family regnets", "unknown family 'regnets': did you mean regnet"),
        ("compar", "Did you mean 'compare'?"),
        ("paper fit-tabel-4", "unknown table 'fit-tabel-4': did you mean fit-table-4"),
        ("paper shufflenet_v1_table_1 --row S2", "MaxPool, Stage2, 'Stage2, on', Stage3"),
        ("compare -o nowhere/x.json", "cannot write nowhere/x.json: No such file or directory"),
        ("compare -o x.doc", "the suffix must be one of .txt, .json, .csv, .md"),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: str,
    message: str,
) -> None:
    """Exit code 2, one clear line on stderr, nothing on stdout, no file left."""
    monkeypatch.chdir(tmp_path)
    code = run(arguments.split())
    captured = capsys.readouterr()

    assert code == 2
    assert message in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "option", "reason"),
    [
        ("compare resnet18 --c 480", "--c", "write a network's options in its name"),
        ("compare resnet18 --stride 1", "--stride", "its input as --input"),
        ("compare resnet18 --unit resnet", "--unit", "it is for units"),
        ("compare --arg x=1", "--arg", "it is for whole networks"),
        ("compare --unit resnet --g 8", "--g", "has no groups"),
        ("compare --no-latency --runs 5", "--runs", "nothing is timed here"),
        ("compare --no-latency --threads 2", "--threads", "nothing is timed here"),
        ("explain resnet18 --reported 5 --counter thop", "--counter", "no counter is run"),
        ("explain resnet18 --reported 5 --timeout 120", "--timeout", "no counter is run"),
        ("shuffle --engine eager", "--engine", "nothing is timed without --cost"),
        ("shuffle --runs 5", "--runs", "nothing is timed without --cost"),
        ("shuffle --threads 1", "--threads", "nothing is timed without --cost"),
        ("sweep --seed 0", "--seed", "without --sample"),
        ("sweep --save-as csv", "--save-as", "name their folder with --save"),
        ("sweep --resume", "--resume", "name their folder with --save"),
        ("sweep --scheduler tcp://x:1", "--scheduler", "it is for --executor dask"),
        ("latency resnet18 --runs 5 --min-time 1", "--min-time", "give one of the two"),
        ("latency a:b --input-factory a:c --batch 2", "--batch", "makes whole inputs"),
        ("latency resnet18 --roofline --engine openvino", "--roofline", "add --engine eager"),
        ("paper time-table-8 --runs 5 --min-time 1", "--min-time", "give one of the two"),
    ],
)
def test_an_option_without_a_use_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: str, option: str, reason: str
) -> None:
    """By name, with what works, also where its value is the default."""
    assert run(arguments.split()) == 2
    captured = capsys.readouterr()

    assert captured.err.startswith(f"error: {option}")
    assert reason in captured.err
    assert captured.out == ""


def test_debug_shows_the_traceback() -> None:
    """The error itself comes through."""
    with pytest.raises(LookupError, match="unknown model"):
        run(["--debug", "count", "resnet5"])


def test_files_by_suffix(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One run, several files, each whole, with ordinary permissions."""
    paths = [tmp_path / f"units{suffix}" for suffix in (".json", ".csv", ".md", ".txt")]
    stdout_of(capsys, *UNITS, *(part for path in paths for part in ("-o", str(path))))

    assert json.loads(paths[0].read_text())["results"][0]["analytic_macs"] == 47_980_800
    assert len(paths[1].read_text().splitlines()) == 4
    assert paths[2].read_text().startswith("### units on 240x28x28")
    assert "formula = analytic" in paths[3].read_text()
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(paths[0].stat().st_mode) == 0o666 & ~umask


def test_a_failure_leaves_the_old_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was there before is there after, and nothing beside it."""
    path = tmp_path / "units.json"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shufflenet_flops.comparison.compare", fail)

    assert run([*UNITS, "-o", str(path)]) == 2
    assert capsys.readouterr().err == "error: interrupted: nothing was written\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("delay_s", [0.0, 0.6, 1.2, 4.0])
def test_ctrl_c_in_a_real_process_writes_nothing(tmp_path: Path, delay_s: float) -> None:
    """Just begun, while torch is being imported, in the middle of measuring."""
    path = tmp_path / "units.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflenet_flops", "compare", "--runs", "1000000", "-o", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert err == "error: interrupted: nothing was written\n"
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    """`shufflenet-flops models | head -1`."""
    done = subprocess.run(
        f"{sys.executable} -m shufflenet_flops models | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.startswith("networks")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed version."""
    assert stdout_of(capsys, "--version").startswith("shufflenet-flops 0.")
