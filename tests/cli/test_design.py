"""formula, fit and sweep on the command line."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow.parquet as pq
import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.design.sweep import store
from shufflenet_flops.design.sweep.plan import CountedChunk


def cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def results(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code, out, err = cli(capsys, *arguments, "--format", "json")

    assert (code, err) == (0, "")
    return json.loads(out)["results"]


def test_formula_has_the_three_units(capsys: pytest.CaptureFixture[str]) -> None:
    found = results(capsys, "formula")

    assert [(one["unit"], one["expression"], one["matches_paper"]) for one in found] == [
        ("resnet", "h*w*(2*c*m + 9*m**2)", True),
        ("resnext", "h*w*(2*c*m + 9*m**2/g)", True),
        ("shufflenet", "h*w*(2*c*m/g + 9*m)", True),
    ]
    assert all(one["value"] is None for one in found)


def test_formula_with_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    found = results(
        capsys, "formula", "--unit", "shufflenet", "--c", "240", "--g", "3", "--wrt", "g"
    )

    assert found[0]["value"] == 7_949_760
    assert sum(found[0]["parts"].values()) == 7_949_760
    assert found[0]["derivative"] == "-2*c*h*m*w/g**2"
    assert found[0]["changes"] == [
        {"at": "160/3", "before": "grouped pointwise conv", "after": "depthwise conv"}
    ]


def test_formula_of_a_network_in_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cli(capsys, "formula", "shufflenet_v1", "--g", "3", "--format", "markdown")

    assert code == 0
    assert r"$h w \left(\frac{3807 s}{16} + 90 s^{2}" in out
    assert "137,460,672" in out


def test_a_derivative_in_markdown_is_maths(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["formula", "--unit", "shufflenet", "--wrt", "g", "--format", "markdown"]
    code, out, _ = cli(capsys, *command)

    assert code == 0
    assert r"| d/dg | $- \frac{2 c h m w}{g^{2}}$ |" in out
    assert "give numbers" not in out


def test_formula_of_a_published_network_has_its_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (found,) = results(capsys, "formula", "shufflenet_v1_x0_5_g3", "--h", "224")

    assert (found["numbers"]["c"], found["value"]) == (480, 37_589_856)
    assert "480*classes*s" in found["expression"]


def test_formula_of_a_network_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """Short forms with the paper's letters; conv1 is 27·24·s for every second position."""
    (found,) = results(capsys, "formula", "shufflenet_v1", "--by", "stage", "--g", "3")

    terms = {term["kind"]: term["expression"] for term in found["terms"]}
    assert list(terms) == ["conv1", "stage2", "stage3", "stage4", "fc"]
    assert terms["conv1"] == "162*h*s*w"
    assert sum(found["parts"].values()) == found["value"] == 137_460_672


def test_formula_of_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = results(capsys, "formula", "--unit", "mobilenet", "--over", "conv")

    assert (found["expression"], found["matches_paper"]) == ("1/n + k**(-2)", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["formula", "--unit", "resnet", "--g", "3"], "--g: resnet_unit cannot vary it"),
        (["formula", "--unit", "resnt"], "did you mean resnet or resnext"),
        (["formula", "--c", "0"], "'--c': 0 is not a whole number of at least 1"),
        (["formula", "--wrt", "q"], "--wrt q: the formula has"),
        (["formula", "--plot", "x.svg"], "--plot draws one unit or network"),
        (["formula", "--unit", "resnet", "--wrt", "c", "--plot", "x.pdf"], ".svg or .png"),
        (["formula", "resnet", "--over", "conv"], "not networks"),
        (["formula", "--over", "conv", "--wrt", "c"], "one at a time"),
        (["formula", "shufflenet_v1_x0_5_g4"], "rounded one by one"),
        (["fit", "shufflenet_v1", "--macs", "1k"], "the narrowest, of 48 channels, has macs"),
        (["fit", "--macs", "140M"], "which family?"),
        (["fit", "shufflenet_v1"], "what is the budget?"),
        (["fit", "shufflenet_v1", "--macs", "0.5"], "--macs '0.5': is 0.5, not a whole number"),
        (["fit", "shufflenet_v1", "--macs", "140 MFLOP"], 'FLOP is no unit of macs: write "140 M'),
        (["fit", "shufflenet_v1", "--params", "5 MB"], "--params '5 MB': B is no unit of params"),
        (["fit", "shufflenet_v1", "--memory", "5 MMAC"], 'MAC is no unit of memory: write "5 MB"'),
        (["fit", "shufflenet_v1", "--macs", "1e999999999"], "less than 1e+30"),
        (["fit", "mobilenet_v2", "--macs", "9G", "--width", "1"], "what to enlarge, as in --over"),
        (["fit", "mobilenet_v2", "--macs", "9G", "--over", "phi"], "phi"),
        (["fit", "efficientnet", "--macs", "1k"], "the least, of phi -23.99, has macs"),
        (["fit", "vgg", "--over", "depth", "--macs", "9G", "--plot", "x.svg"], "the largest depth"),
        (["sweep", "mobilenet_v2", "--width", "wide"], "write numbers above 0"),
        (["sweep", "mobilenet_v2", "--width", "1", "--c", "640"], "both set the c"),
        (["sweep", "vgg", "--width", "0.5"], "--width: vgg has no such option"),
        (["sweep", "resnet", "--depth", "20"], "must be one of 18, 34, 50, 101, 152"),
        (["formula", "--metric", "mac"], "'mac' is not one of 'macs', 'params'"),
        (["fit", "shufflenet_v1", "--macs", "140M", "--g", "5"], "for others give stem"),
        (["fit", "shufflenet_v1@rounding=up", "--macs", "140M"], "rounded one by one"),
        (["fit", "shufflenet_v1", "--macs", "140M", "--h", "4"], "h=4 is too small"),
        (["fit", "vgg", "--macs", "1G", "--g", "3"], "varied is --h, --w, --classes"),
        (["fit", "vgg", "--macs", "999999999999999999T"], "up to 1,099,511,627,776 channels"),
        (["sweep", "--c", "1:1000000", "--h", "1:1000000"], "--sample"),
        (["sweep", "--c", "9:1"], "9:1 is empty"),
        (["sweep"], "what is to vary?"),
        (["sweep", "--c", "64", "--where", "mac < 3"], "did you mean macs?"),
        (["sweep", "--c", "64", "--where", "print(1)"], "is not allowed"),
        (["sweep", "--c", "64", "--resume"], "name their folder with --save"),
        (["sweep", "--c", "64", "--scheduler", "tcp://x:1"], "is for --executor dask"),
        (["sweep", "--c", "64", "--chunk", "99999999"], "at most 16,777,216"),
        (["sweep", "--c", "64", "--seed", "-1"], "-1 is not a whole number of at least 0"),
        (["sweep", "--c", "64", "--stride", "1,2"], "a sweep has one stride, 1 or 2"),
        (["sweep", "--c", "64", "--min", "c", "--max", "c"], "--min and --max both name c"),
        (["sweep", "conv_unit", "--c", "3000000000:3000000009", "--h", "9"], "largest int64"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_fit(capsys: pytest.CaptureFixture[str]) -> None:
    found = results(capsys, "fit", "shufflenet_v1", "--macs", "140M", "--g", "1,3,8")

    assert [(one["options"]["g"], one["channels"]) for one in found] == [
        (1, 560),
        (3, 960),
        (8, 1536),
    ]
    for one in found:
        assert one["macs"] <= one["budget"] == 140_000_000 < one["next_wider"]["macs"]


def test_fit_reads_a_budget_in_any_writing(capsys: pytest.CaptureFixture[str]) -> None:
    for budget in ("140M", "0.14 G", "140_000_000", "140 MMAC", "1.4e8", "140,000,000 MAC"):
        (one,) = results(capsys, "fit", "shufflenet_v1", "shufflenet_v1", "--macs", budget)
        assert one["budget"] == 140_000_000


def test_fit_under_several_budgets_names_the_one_that_binds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (one,) = results(capsys, "fit", "shufflenet_v1", "--macs", "10G", "--params", "1.5M")

    assert (one["metric"], one["budget"]) == ("params", 1_500_000)
    assert one["params"] <= 1_500_000 < one["next_wider"]["params"]


def test_fit_answers_which_scaling_fits(capsys: pytest.CaptureFixture[str]) -> None:
    """EfficientNet by its own rule; others by what --over names, for each of the other scales."""
    (efficientnet,) = results(capsys, "fit", "efficientnet", "--macs", "400M")
    widths = results(
        capsys,
        *("fit", "mobilenet_v2", "--over", "width", "--resolution", "96:224:64", "--macs", "300M"),
    )

    assert efficientnet["over"] == "phi"
    assert efficientnet["scales"]["resolution"] == 224
    assert efficientnet["macs"] == 385_814_752
    assert [found["scales"]["resolution"] for found in widths] == [96, 160, 224]
    assert [found["scales"]["width"] for found in widths] == [2.37, 1.42, 0.98]
    assert all(found["macs"] <= 300_000_000 < found["next_wider"]["macs"] for found in widths)


def test_sweep_over_a_familys_scales(capsys: pytest.CaptureFixture[str]) -> None:
    """Saved rows have them too."""
    (found,) = results(
        capsys,
        *("sweep", "mobilenet_v2", "--width", "0.35:1.4:0.05", "--resolution", "96:224:32"),
    )

    assert found["axes"] == ["width", "resolution"]
    assert (found["configurations"], len(found["pareto"])) == (110, 110)
    assert found["maximise"] == ["width", "resolution"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_scales_are_saved_and_resumed(
    form: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["sweep", "mobilenet_v2", "--width", "0.5,0.75", "--resolution", "96,128"]
    command += ["--save", str(tmp_path), "--save-as", form, "--quiet"]
    assert cli(capsys, *command)[0] == 0
    (part,) = tmp_path.glob(f"*.{form}")
    frame = pd.read_parquet(part) if form == "parquet" else pd.read_csv(part)

    assert frame["width"].tolist() == [0.5, 0.5, 0.75, 0.75]
    assert frame["resolution"].tolist() == [96, 128] * 2
    assert cli(capsys, *command, "--resume")[0] == 0


def test_paper_table_4(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cli(capsys, "paper", "fit-table-4")

    assert code == 0
    assert "553.0" in out
    assert "unexplained: ShuffleNet 576" in out


SWEEP = ["sweep", "--unit", "shufflenet", "--c", "64:1024:16", "--g", "1,2,3,4,8", "--h", "7,14"]


def test_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = results(capsys, *SWEEP, "--where", "macs < 40e6 and g > 1")

    assert found["configurations"] == 610
    assert found["configurations"] == found["invalid"] + found["filtered"] + found["kept"]
    assert found["pareto"][0]["macs"] < found["pareto"][-1]["macs"]
    assert all(row["g"] > 1 for row in found["pareto"])


def test_a_sweep_of_nothing_valid_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cli(capsys, "sweep", "--unit", "shufflenet", "--c", "7,9")

    assert code == 0
    assert "swept 2: 2 that make no network, 0 counted" in out
    assert "for example, c=7 cannot be split" in out


def test_a_long_front_is_shown_from_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = cli(capsys, "sweep", "conv_unit", "--c", "1:500", "--h", "7")

    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    figures = [line[0] for line in lines if line and line[0].isdigit()]
    assert (figures[0], figures[19]) == ("1", "500")
    assert "20 rows of the front; JSON and CSV have all 500" in out


def test_sweep_measures_the_first_of_the_front(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = results(capsys, *SWEEP, "--measure", "2", "--quiet")

    assert [("latency_s" in row) for row in found["pareto"]] == [True] * 2 + [False] * (
        len(found["pareto"]) - 2
    )
    assert found["pareto"][0]["latency_s"]["median"] > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["formula", "--unit", "shufflenet", "--c", "96", "--wrt", "g"],
        ["formula", "shufflenet_v1", "--g", "3", "--wrt", "s"],
        ["fit", "shufflenet_v1", "--macs", "140M", "--g", "1,2,3,4,8"],
        [*SWEEP, "--quiet"],
    ],
)
def test_figures_are_the_same_bytes_twice(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("a.svg", "b.svg", "a.png"):
        code, _, err = cli(capsys, *arguments, "--plot", str(tmp_path / name))
        assert (code, err) == (0, "")

    svg = (tmp_path / "a.svg").read_bytes()
    assert svg == (tmp_path / "b.svg").read_bytes()
    assert b"<dc:date>" not in svg
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


# ---- whole chunks survive a full disk and a kill

LONG = ["sweep", "conv_unit", "--c", "1:1500", "--h", "1:400", "--chunk", "10000", "--workers", "1"]


def test_a_full_disk_says_where_it_stopped_and_resume_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store._write_parquet

    def fill(file: BinaryIO, counted: CountedChunk, columns: Any) -> None:
        if (tmp_path / "rows" / ".part-000004.parquet.part").exists():
            file.write(b"half a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, counted, columns)

    save = [*LONG, "--save", str(tmp_path / "rows")]
    with monkeypatch.context() as patch:
        patch.setattr(store, "_write_parquet", fill)
        code, out, err = cli(capsys, *save)

    assert (code, out) == (2, "")
    assert err == (
        f"error: stopped (No space left on device): 4 of 60 chunks are whole in "
        f"{tmp_path / 'rows'}; the same command with --resume goes on\n"
    )
    (resumed,) = results(capsys, *save, "--resume")
    assert resumed["configurations"] == 600_000
    assert resumed["resumed_chunks"] == 4
    assert table(tmp_path / "rows").num_rows == resumed["kept"] == 600_000


def wait_for(folder: Path, parts: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if len(list(folder.glob("part-*"))) >= parts:
            return
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.02)
    raise AssertionError("no parts")


def table(folder: Path) -> Any:
    return pq.ParquetDataset(sorted(folder.glob("part-*.parquet"))).read()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_leaves_whole_chunks_and_resume_goes_on(
    sign: signal.Signals, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflenet_flops", *LONG, "--save", str(stopped)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    wait_for(stopped, 3, process)
    process.send_signal(sign)
    _, err = process.communicate(timeout=60)

    assert process.returncode != 0
    if sign is signal.SIGINT:
        assert b"chunks are whole in" in err
        assert b"--resume goes on" in err
    for part in stopped.glob("part-*.parquet"):
        pq.read_table(part)
    (resumed,) = results(capsys, *LONG, "--save", str(stopped), "--resume")
    (fresh,) = results(capsys, *LONG, "--save", str(whole))
    assert 0 < resumed["resumed_chunks"] < 60
    assert fresh["resumed_chunks"] == 0
    assert {**resumed, "seconds": 0, "resumed_chunks": 0, "output": ""} == {
        **fresh,
        "seconds": 0,
        "output": "",
    }
    assert table(stopped).equals(table(whole))
    assert not list(stopped.glob(".*"))


def test_a_plot_of_a_sweep_that_went_on_has_all_its_points(tmp_path: Path) -> None:
    """Those that were counted before it ended are read back."""
    command = ["sweep", "shufflenet_v1", "--c", "240:960:48", "--g", "1,2,3", "--quiet"]
    rows = ["--save", str(tmp_path / "rows")]
    assert run([*command, *rows, "--plot", str(tmp_path / "whole.svg")]) == 0
    assert run([*command, *rows, "--resume", "--plot", str(tmp_path / "again.svg")]) == 0

    whole, again = ((tmp_path / f"{name}.svg").read_bytes() for name in ("whole", "again"))
    assert whole == again
