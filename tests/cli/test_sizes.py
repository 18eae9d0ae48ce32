"""`fit` and `sweep` over the sizes of a model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from tests.closed_form import nets

NETS = nets.__file__
STRIDED = f"{NETS}:Strided"


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code = run([*arguments, "--format", "json"])
    captured = capsys.readouterr()

    assert (code, captured.err) == (0, "")
    (found,) = json.loads(captured.out)["results"]
    return found


def test_the_largest_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """10,080·25 + 1,024·4 + 320 = 256,416 MACs for each picture of 9x9; 38 of them fit."""
    found = result(capsys, "fit", STRIDED, "--over", "n", "--macs", "10M", "--at", "h=9,w=9")

    assert found["best"]["sizes"] == {"n": 38, "h": 9, "w": 9}
    assert found["best"]["metrics"] == {"macs": 38 * 256_416}
    assert found["next_larger"]["metrics"] == {"macs": 39 * 256_416}


def test_a_sweep_has_the_figures_of_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "sizes.csv"
    found = result(capsys, "sweep", STRIDED, "--over", "h=8:40:16,w=9,n=1,3", "-o", str(file))

    assert [(row["h"], row["w"], row["n"]) for row in found["rows"]] == [
        (h, 9, n) for h in (8, 24, 40) for n in (1, 3)
    ]
    for row in found["rows"]:
        counted = sf.count(nets.Strided(), (row["n"], 3, row["h"], row["w"]))
        for metric in ("macs", "params", "activations", "memory_bytes"):
            assert row[metric] == getattr(counted, metric)
    with file.open() as stream:
        assert len(list(csv.reader(stream))) == 1 + 6


def test_a_sweep_leaves_out_what_the_model_does_not_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = result(capsys, "sweep", f"{NETS}:Halved", "--over", "h=30:33,w=32")

    assert [row["h"] for row in found["rows"]] == [30, 32]
    assert found["left_out"] == 2


def test_a_sweep_over_both_sides_of_a_guard(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(
        capsys, "sweep", f"{NETS}:Large", "--input", "1x4x64x64", "--over", "h=99:102,w=64"
    )

    assert [row["macs"] for row in found["rows"]] == [
        16 * 99 * 64, 16 * 100 * 64, 64 * 50 * 32, 64 * 51 * 32,
    ]  # fmt: skip


def test_a_sweep_of_more_than_fits_into_64_bits(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "sweep", STRIDED, "--over", "h=3000000000,w=3000000000")

    (row,) = found["rows"]
    assert row["macs"] == 10_080 * 1_500_000_000**2 + 1_024 * 750_000_000**2 + 320


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", STRIDED, "--over", "h,n", "--macs", "1G"], "fit enlarges one size, or height and"),
        (["fit", STRIDED, "--over", "n", "--macs", "1G", "--aspect", "2"], "give --over h,w"),
        (["fit", STRIDED, "--over", "h,w", "--macs", "1G", "--aspect", "a"], "write width:height"),
        (["fit", STRIDED, "--over", "h,w", "--macs", "1G", "--g", "3"], "--g: --over looks for"),
        (["fit", STRIDED, "--over", "h,w"], "what is the budget?"),
        (["fit", "shufflenet_v1", "--macs", "140M", "--at", "h=3"], "--at: it is for the largest"),
        (["sweep", STRIDED, "--over", "h"], "give h its values"),
        (["sweep", "--over", "h=1:3"], "give one model"),
        (["sweep", STRIDED, "--over", "h=1:3", "--where", "macs < 3"], "--where: --over counts"),
        (["sweep", STRIDED, "--over", "h=1:9,w=1:999999"], "sizes are too many"),
        (["sweep", STRIDED, "--over", "h=1,w=1"], "no size is one that its formula is for"),
        (["sweep", "resnet", "--c", "64", "--input", "1x3x8x8"], "--input: it is for a model's"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_sweep_is_drawn_along_its_first_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Cost, and the share of each stage; a size that has one value is none to draw along."""
    figure = tmp_path / "sizes.svg"
    name = f"{nets.__file__}:Strided"

    assert run(["sweep", name, "--over", "n=2,h=32:96:32", "--plot", str(figure)]) == 0
    drawn = figure.read_text()
    assert "height h" in drawn
    assert "stem" in drawn

    figure.unlink()
    assert run(["sweep", name, "--over", "h=64", "--plot", str(figure)]) == 2
    assert "give one several values, as h=128:512:32" in capsys.readouterr().err
    assert not figure.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["sweep", STRIDED, "--over", "q=1:3"],
            f"--over q: {STRIDED} has no argument q: ",
        ),
        (["sweep", "resnet18", "--over", "q=1:3"], "--over q: resnet18: no size of its inputs is"),
        (
            ["fit", f"{NETS}:OneSize", "--over", "h,w", "--macs", "2G"],
            "--over h, w: of the sizes that were tried the model takes h=224, w=224 alone",
        ),
    ],
)
def test_sizes_that_there_are_not(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = run(arguments)
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    assert captured.err.startswith(f"error: {message}")
    assert captured.err.count("\n") == 1
