"""explain --training on the command line and from Python."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.counters.training import StepExplanation
from shufflenet_flops.files.saved_file import load

UNIT = "shufflenet_unit@c=240,g=3"


def stdout_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["explain", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_unit_from_three_sides(capsys: pytest.CaptureFixture[str]) -> None:
    """Groups of 3 in two pointwise convolutions, 60 in the depthwise one, each forgotten."""
    found: dict[str, Any] = json.loads(stdout_of(capsys, UNIT, "--training", "--format", "json"))
    (result,) = found["results"]
    torch = result["counters"]["torch"]
    pointwise, depthwise = 784 * 240 * 60 // 3, 784 * 60 * 9
    forward = 2 * pointwise + depthwise

    assert found["convention"] == "training"
    assert result["spec"] == result["traced"]
    assert result["traced"]["forward_macs"] == result["traced"]["weight_macs"] == forward
    assert result["traced"]["input_macs"] == forward - pointwise
    assert torch["residual"] == 0
    assert torch["passes"]["forward"]["reported"] == 2 * forward
    forgotten = 2 * pointwise * 2 + depthwise * 59
    assert torch["passes"]["backward"]["terms"]["forgotten_groups"] == 2 * forgotten
    assert torch["miscounts"][0]["macs"] == forgotten


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Sides across, parts down, and the difference to three times the forward pass in words."""
    text = stdout_of(capsys, UNIT, "--training")
    lines = text.splitlines()

    assert lines[0] == f"a training step of {UNIT} on 1x240x28x28"
    assert [line.split()[0] for line in lines[4:]][:3] == ["forward", "back", "back"]
    assert "20,086,080 MACs under `training`" in text
    assert "three times the forward pass is 23,849,280 MACs, +3,763,200" in text
    assert "forgets the groups of convolutions in the gradients of their weights: +40,031" in text
    assert "done again" not in text


def test_a_module_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which has no spec; of a batch; frozen in part; one line for a counter in the CSV."""
    code = "from torch import nn\ndef net(): return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))"
    file = tmp_path / "net.py"
    file.write_text(code)
    asked = (f"{file}:net", "--input", "3x4", "--training", "--freeze", "0.weight")
    text = stdout_of(capsys, *asked)
    (line,) = csv.DictReader(io.StringIO(stdout_of(capsys, *asked, "--format", "csv")))

    assert "spec" not in text
    assert (line["name"], line["reported"]) == ("torch", str(2 * 3 * (16 + 8 + 8 + 8)))


def test_from_python(tmp_path: Path) -> None:
    explained = sf.explain(nn.Linear(4, 2), (3, 4), training=True)
    explained.save(tmp_path / "step.json")
    read = load((tmp_path / "step.json").read_text(), "step.json").single(StepExplanation)

    assert explained.macs == 2 * 3 * 8
    assert explained.complete
    assert explained.counters["torch"].residual == 0
    assert repr(explained) == "<ExplainedStep of Linear: 48 MAC, torch's counter explained>"
    assert read == explained.explanation
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    frozen = sf.explain(net, (3, 4), training=sf.Training(train="1"))
    assert frozen.macs == 3 * (16 + 8 + 8)
    with pytest.raises(sf.ShufflenetFlopsError, match="own counter is run"):
        sf.explain(net, (3, 4), training=True, counters=["thop"])  # type: ignore[call-overload] # refused


def test_an_unknown_op_fails_a_strict_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forward or back, it is listed, and the step is not complete."""
    file = tmp_path / "net.py"
    file.write_text(
        "import torch\nclass Net(torch.nn.Linear):\n"
        "    def __init__(self): super().__init__(3, 3)\n"
        "    def forward(self, x): return torch.linalg.inv(super().forward(x))\n"
    )
    asked = ["explain", f"{file}:Net", "--input", "3x3", "--training"]

    assert run(asked) == 0
    assert "NOT COUNTED, because unknown: aten.linalg_inv" in capsys.readouterr().out
    assert run([*asked, "--strict"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--freeze", "fc"), "--freeze: is about a training step: add --training"),
        (("--training", "--counter", "thop"), "--counter: has no use with --training"),
        (("--training", "--reported", "4G"), "--reported: has no use with --training"),
        (("--training", "--freeze", "conv22"), "matches no parameter: did you mean"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(["explain", "resnet18", *arguments]) == 2
    assert message in capsys.readouterr().err
