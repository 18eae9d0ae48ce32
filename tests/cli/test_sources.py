"""`count` and `compare` on models of every source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from tests.sources.fixtures import user_code as user_code
from tests.sources.programs import SMALL_MACS, Small, export_onnx, exported


def result_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[Any]:
    assert run([*arguments, "--format", "json"]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    results: list[Any] = json.loads(captured.out)["results"]
    return results


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """The same small network as .pt2 and as .onnx."""
    import torch

    paths = tmp_path / "small.pt2", tmp_path / "small.onnx"
    paths[0].write_bytes(exported())
    export_onnx(Small().eval(), (torch.zeros(1, 3, 8, 8),), str(paths[1]), fold=True)
    return str(paths[0]), str(paths[1])


def test_count_a_factory(capsys: pytest.CaptureFixture[str], user_code: Path) -> None:
    """Where it came from, what it was given, and full counts."""
    (found,) = result_of(
        capsys,
        "count",
        "users_models:Net",
        "--path",
        str(user_code),
        "--arg",
        "width=4",
        "--input",
        "2x3x10x10",
    )

    assert found["model"] == "users_models:Net"
    assert found["source"] == "factory"
    assert found["input"] == [2, 3, 10, 10]
    assert found["inputs"] == ["2x3x10x10"]
    assert found["macs"] == 2 * (64 * 4 * 27 + 40)
    assert found["params"] == 4 * 28 + 50
    assert found["real_forward"] is False


def test_count_several_inputs(capsys: pytest.CaptureFixture[str], user_code: Path) -> None:
    """In order, each with its type."""
    options = ["--path", str(user_code), "--input", "1x7x16", "--input", "1x7:int64"]
    (found,) = result_of(capsys, "count", "users_models:Masked", *options)
    (made,) = result_of(
        capsys,
        *("count", "users_models:Masked", "--path", str(user_code)),
        *("--input-factory", "users_models:by_name"),
    )

    assert found["inputs"] == ["1x7x16", "1x7:int64"]
    assert made["inputs"] == ["1x7x16", "1x7"]
    assert found["macs"] == made["macs"] == 7 * 16 * 4


def test_unknown_ops(capsys: pytest.CaptureFixture[str], user_code: Path) -> None:
    """Listed, said under the table, and an error only with --strict."""
    arguments = ["count", "users_models:Odd", "--path", str(user_code), "--input", "4"]
    (found,) = result_of(capsys, *arguments)

    assert found["unknown_ops"] == [{"op": "users.odd", "calls": 1}]
    assert run(arguments) == 0
    assert "NOT COUNTED, because unknown: users.odd x1" in capsys.readouterr().out
    assert result_of(capsys, *arguments, "--strict", code=1) == [found]
    assert run(["count", "resnet18", "--strict"]) == 0


@pytest.mark.parametrize("by", ["layer", "unit", "stage", "kind"])
def test_count_files(capsys: pytest.CaptureFixture[str], files: tuple[str, str], by: str) -> None:
    """The same total from both, and the source under the table."""
    for path, origin in zip(files, ("exported program", "ONNX graph"), strict=True):
        assert run(["count", path, "--by", by]) == 0
        text = capsys.readouterr().out
        assert f"{SMALL_MACS:,} MACs under `paper`" in text
        assert f"counted from: {origin}" in text


def test_what_the_model_does_itself_has_a_name(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str]
) -> None:
    """Work outside any submodule."""
    assert run(["count", files[0]]) == 0
    assert "\n(model) " in capsys.readouterr().out


def test_compare_a_mixture(
    capsys: pytest.CaptureFixture[str], user_code: Path, files: tuple[str, str]
) -> None:
    """Analytic only where there is a spec, counters and latency only where something can run."""
    pt2, onnx = files
    arguments = [
        *("compare", pt2, onnx, "users_models:Net"),
        *("--path", str(user_code), "--input", "1x3x8x8", "--runs", "2", "--quiet"),
    ]
    with_zoo = ["compare", "resnet18", "users_models:Net", "--path", str(user_code)]
    with_zoo += ["--input", "1x3x32x32", "--no-latency"]
    program, graph, net = result_of(capsys, *arguments)
    zoo, other = result_of(capsys, *with_zoo)

    assert [one["traced_macs"] for one in (program, graph)] == [SMALL_MACS] * 2
    assert [one["analytic_macs"] for one in (program, graph, net)] == [None] * 3
    for one in (program, net, zoo, other):
        assert {report["residual"] for report in one["counters"].values()} == {0}
    assert {report["status"] for report in graph["counters"].values()} == {"unavailable"}
    assert graph["latency_s"] is None
    assert net["latency_s"]["ratio"]["to"] == pt2
    assert zoo["analytic_macs"] == zoo["traced_macs"]
    assert other["analytic_macs"] is None


def test_compare_a_mixture_as_a_table(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str]
) -> None:
    """A dash where there is nothing, and why."""
    assert run(["compare", *files, "--no-latency"]) == 0
    text = capsys.readouterr().out

    (line,) = [line for line in text.splitlines() if line.startswith(f"{files[1]} ")]
    assert line.split()[1:6] == ["–", f"{SMALL_MACS / 1e3:,.2f}*", "–", "–", "–"]
    assert "no counter can run: an ONNX graph cannot be run, only counted" in text


def test_only_a_graph_to_compare(
    capsys: pytest.CaptureFixture[str], files: tuple[str, str]
) -> None:
    """Nothing to measure, which is no error."""
    (found,) = result_of(capsys, "compare", files[1])

    assert found["traced_macs"] == SMALL_MACS


@pytest.mark.parametrize(
    "arguments",
    [
        "count nowhere_models:Net",
        "count users_models:raising --path {path}",
        "count users_models:nothing --path {path}",
        "count users_models:Net --path {path} --arg width",
        "count users_models:Net --path {path} --input 1x4x8x8",
        "count users_models:Net --path {path} --input 1x3x8x8:int7",
        "count users_models:Masked --path {path} --input 1x7x16",
        "count users_models:Net --path {path} --input 1x3x8x8 --input-factory users_models:one",
        "count nowhere.onnx",
        "count nowhere.pt2",
        "count weights.pth",
        "count resnet18 --arg g=3",
        "compare users_models:Net users_models:Nett --path {path}",
        "compare --arg g=3",
        "compare --path {path}",
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], user_code: Path, arguments: str) -> None:
    """Exit code 2, one line on stderr, nothing on stdout."""
    assert run(arguments.format(path=user_code).split()) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "defect" not in captured.err


def test_help_says_that_importing_runs_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Where MODEL is explained."""
    for command in ("count", "compare"):
        assert run([command, "--help"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "package.module:Net, which is imported, and that runs its code" in text
