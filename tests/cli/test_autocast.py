"""`count --peak --autocast`: mixed precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from tests.sources.programs import export_onnx

STEP = ["count", "shufflenet_v2_x0_5", "--input", "64", "--batch", "32", "--training", "--peak"]


def peak_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*STEP, *arguments, "--format", "json"]) == 0
    peak: dict[str, Any] = json.loads(capsys.readouterr().out)["results"][0]["peak"]
    return peak


def test_a_peak_of_halves(capsys: pytest.CaptureFixture[str]) -> None:
    """A network's activations take half, its parameters and their gradients what they took."""
    full, half = (peak_of(capsys, *more) for more in ((), ("--autocast", "bfloat16")))
    terms, halves = ({t["name"]: t["bytes"] for t in peak["terms"]} for peak in (full, half))

    assert "autocast" not in full
    assert half["autocast"] == "bfloat16"
    assert halves["parameters"] == terms["parameters"]
    assert half["training_bytes"] < 0.75 * full["training_bytes"]
    assert halves["activations"] < 0.7 * terms["activations"]
    assert half["arenas"] == full["arenas"]


def test_the_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*STEP, "--autocast", "float16"]) == 0

    text = capsys.readouterr().out
    assert "within torch.autocast('cpu', dtype=torch.float16)" in text
    assert "parameters as autocast has them" in text


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["count", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--autocast", "bfloat16"), "is of peak memory: add --peak"),
        (("--peak", "--autocast", "int8"), "int8"),
    ],
)
def test_what_does_not_apply_is_refused(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert words in refused(capsys, "resnet18", *options)


def test_python_refuses_it_too() -> None:
    with pytest.raises(sf.ShufflenetFlopsError, match="autocast: is of peak memory"):
        sf.count("resnet18", autocast="bfloat16")


def test_an_onnx_graph_has_its_own_types(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "small.onnx")
    export_onnx(nn.Linear(4, 2), (torch.zeros(1, 4),), path, fold=True)
    line = refused(capsys, path, "--peak", "--autocast", "bfloat16")

    assert "the types that it gives them" in line
