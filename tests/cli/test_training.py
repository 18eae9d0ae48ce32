"""count --training on the command line and from Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run

RESNET = 4_089_184_256  # MACs of one image
FIRST = 118_013_952  # of its first convolution


def cli(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def training(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = cli(capsys, "count", *arguments, "--training", "--format", "json")

    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)["results"][0]["training"]
    return found


def test_resnet50_with_32_images(capsys: pytest.CaptureFixture[str]) -> None:
    """Every product twice more, but for the gradient of the images."""
    found = training(capsys, "resnet50", "--batch", "32")

    assert found["forward_macs"] == found["weight_macs"] == 32 * RESNET
    assert found["input_macs"] == 32 * (RESNET - FIRST)
    assert found["total_macs"] == found["hardware_macs"] == 32 * (3 * RESNET - FIRST)
    assert found["update"]["flops"] == 2 * found["params"] == 2 * 25_557_032
    assert sum(layer["weight_macs"] for layer in found["layers"]) == found["weight_macs"]


def test_frozen_stages(capsys: pytest.CaptureFixture[str]) -> None:
    found = training(capsys, "resnet50", "--train", "fc.*")

    assert (found["weight_macs"], found["input_macs"], found["params"]) == (
        2048 * 1000,
        0,
        2049 * 1000,
    )


def test_a_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    found = training(capsys, "resnet50", "--batch", "256", "--epochs", "90", "--dataset", "1281167")

    assert found["run"]["total_macs"] == 90 * 1_281_167 * (3 * RESNET - FIRST)
    assert found["run"]["updates"] == 90 * 5005


def test_shares_of_a_peak(capsys: pytest.CaptureFixture[str]) -> None:
    found = training(capsys, "resnet50", "--flops-per-second", "1 TFLOP", "--step-time", "100 ms")

    assert found["speed"]["mfu"] == 2 * (3 * RESNET - FIRST) / 1e11
    assert found["speed"]["hfu"] == found["speed"]["mfu"]


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """By stage, or by each layer, with what is said of the optimiser and of what is frozen."""
    _, out, _ = cli(capsys, "count", "shufflenet_v1_x1_0_g3", "--training", "--optimizer", "adam")
    assert "by\nweights" not in out
    assert "stage2" in out
    assert "stage2.0" not in out
    assert "13" in out
    assert "adam (" in out
    _, out, _ = cli(
        capsys, "count", "shufflenet_v1_x1_0_g3", "--training", "--by", "layer", "--freeze", "conv1"
    )
    assert "stage2.0.branch.pw1" in out
    assert "are frozen" in out


MODULE = """
from torch import Tensor, nn
import torch

def net():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
    def forward(self, x):
        return self.a(x).argmax(-1)
"""


def test_a_module_of_the_users(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    found = training(capsys, "net.py:net", "--input", "3x4", "--freeze", "0.weight")

    assert found["forward_macs"] == 3 * 24
    assert (found["weight_macs"], found["input_macs"]) == (3 * 8, 3 * 8)
    assert training(capsys, "net.py:net", "--input", "3x4", "--batch", "5")["batch"] == 5
    assert found["layers"][0]["path"] == "0"
    code, out, err = cli(capsys, "count", "net.py:Whole", "--input", "3x4", "--training")
    assert (code, out) == (2, "")
    assert "the model cannot be trained: it returns int64 alone" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--freeze", "fc"), "--freeze: is about a training step: add --training"),
        (("--optimizer", "adam"), "--optimizer: is about a training step"),
        (("--training", "--freeze", "conv22"), "matches no parameter: did you mean"),
        (("--training", "--optimizer", "adamm"), "did you mean adam"),
        (("--training", "--epochs", "9"), "say nothing without its samples"),
        (("--training", "--step-time", "1 s"), "give flops per second too"),
        (("--training", "--flops-per-second", "fast"), "is not an amount"),
        (("--training", "--convention", "thop"), "--convention: has no use with --training"),
        (("--training", "--sort", "macs"), "--sort: has no use with --training"),
        (("--training", "--batch", "0"), "0 is not a whole number"),
    ],
)
def test_what_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = cli(capsys, "count", "resnet18", *arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") <= 2


def test_a_file_without_gradients(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [value("x", TensorProto.FLOAT, [1, 4])],
        [value("y", TensorProto.FLOAT, [1, 4])],
    )
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    code, _, err = cli(capsys, "count", str(tmp_path / "net.onnx"), "--training")

    assert code == 2
    assert "--training takes a network of the zoo or a torch module" in err


def test_from_python() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    counted = sf.count(net, (3, 4), training=True)

    assert counted.training is not None
    assert counted.training.total_macs == 3 * (3 * 24 - 16)
    assert counted.macs == 3 * 24
    asked = sf.Training(freeze="0", optimizer="adamw", accumulate=2)
    frozen = sf.count(net, (3, 4), training=asked).training
    assert frozen is not None
    assert (frozen.weight_macs, frozen.input_macs) == (2 * 3 * 8, 0)
    assert frozen.update.flops == 14 * 10
    assert sf.count(net, (3, 4)).training is None
    assert sf.count(net, (3, 4), batch=6).macs == 6 * 24


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    """And a count without training has no such key."""
    from shufflenet_flops.counting.result import CountResult
    from shufflenet_flops.files.saved_file import load

    file = tmp_path / "count.json"
    asked = sf.Training(epochs=1, samples=10, flops_per_second=10**12, step_s=0.5)
    counted = sf.count("resnet18", training=asked)
    counted.save(file)

    assert load(file.read_text(), "count.json").single(CountResult) == counted.result
    assert "training" not in sf.count("resnet18").to_dict()


def test_a_model_without_parameters_is_told_no_other_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It takes the one that it is given."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): return x * 2\n"
    )
    code, _, err = cli(capsys, "count", f"{tmp_path}/net.py:Net", "--training", "--input", "2x4")

    assert code == 2
    assert err.endswith("the model cannot be trained: it has no parameters\n")


class Told(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        sys.stdout.write(f"training: {self.training}\n")
        return super().forward(x)


def test_a_step_is_traced_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A pass for inference would run without gradients, of which some models warn."""
    assert sf.count(Told(4, 2), (3, 4), training=True).macs == 24
    assert capsys.readouterr().out == "training: True\n"
