"""count --bits: bit operations and bytes, by hand."""

from __future__ import annotations

import json

import pytest
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.counting.precision import Precision, PrecisionResult, parse_precision


def test_by_hand() -> None:
    """Weights of 3 bits and activations of 5: 7 of them are 21 and 35 bits, 3 and 5 bytes."""
    found = PrecisionResult.of(Precision(3, 5), macs=100, params=7, activations=7)

    assert (found.bops, found.weight_bytes, found.activation_bytes) == (1500, 3, 5)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "resnet18", "--bits", "4x8", "--format", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]

    assert result["precision"] == {
        "weight_bits": 4,
        "activation_bits": 8,
        "bops": 32 * result["macs"],
        "weight_bytes": result["params"] // 2,
        "activation_bytes": result["activations"],
    }
    assert run(["count", "resnet18", "--bits", "4x8"]) == 0
    assert f"{32 * result['macs']:,} BOPs (bit operations: weight bits x" in capsys.readouterr().out
    assert run(["count", "resnet18", "--format", "json"]) == 0
    assert "precision" not in json.loads(capsys.readouterr().out)["results"][0]


def test_from_python() -> None:
    found = sf.count(nn.Linear(4, 2), (3, 4), bits="8x8").result.precision

    assert found is not None
    assert (found.bops, found.weight_bytes, found.activation_bytes) == (64 * 24, 10, 6)


@pytest.mark.parametrize("text", ["8", "0x8", "8x65", "8x8x8", "-1x8", "int8", ""])
def test_what_is_no_precision_is_refused(text: str) -> None:
    with pytest.raises(sf.ShufflenetFlopsError, match="as 8x8 or 4x8"):
        parse_precision(text)
