"""Budgets of peak memory, of weights, and of a training step, which no lock holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import shufflenet_flops as sf
from shufflenet_flops.budget.verdict import Verdict
from shufflenet_flops.errors import ConfigError

HEAD = 'schema = 1\npath = ["."]\n[[budget]]\n'
NET = """
from torch import nn
import torch

def layers():
    return nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))

class Failing(nn.Linear):
    def forward(self, x):
        return super().forward(x[0])

class Unknown(nn.Linear):
    def forward(self, x):
        return torch.linalg.inv(super().forward(x))
"""


def checked(folder: Path, text: str) -> list[Verdict]:
    (folder / "net.py").write_text(NET)
    (folder / "flop-budget.toml").write_text(HEAD + text)
    return list(sf.check(folder / "flop-budget.toml").verdicts)


def test_an_arena_and_weights_by_type(tmp_path: Path) -> None:
    """MobileNetV2 keeps 96 maps of 112 x 112 and of 56 x 56, and has 3,504,872 parameters."""
    alive = 96 * (112 * 112 + 56 * 56)
    verdicts = checked(
        tmp_path,
        f'model = "mobilenet_v2"\npeak_memory = "320 KiB"\npeak_memory_bf16 = {2 * alive}\n'
        f'peak_memory_int8 = {alive - 1}\nweights = "2 MiB"\nweights_int8 = 3504872\n',
    )
    found = {one.metric: one for one in verdicts}

    assert {metric: (one.actual, one.status, one.line) for metric, one in found.items()} == {
        "weights_fp32": (4 * 3_504_872, "over", 8),
        "weights_int8": (3_504_872, "ok", 9),
        "peak_memory_fp32": (4 * alive, "over", 5),
        "peak_memory_bf16": (2 * alive, "ok", 6),
        "peak_memory_int8": (alive, "over", 7),
    }
    assert found["peak_memory_int8"].delta == 1
    assert found["peak_memory_fp32"].limit == 320 * 1024
    assert "`count --peak` shows" in found["peak_memory_fp32"].hint
    assert not found["peak_memory_fp32"].passed


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    """An input of 2 x 4 numbers, that stays, beside 2 x 2 and 2 x 1."""
    model = 'model = "net:layers"\ninput = [2, 4]\n'

    (fits,) = checked(tmp_path, f"{model}peak_memory = 56\n")
    assert (fits.status, fits.actual, fits.message) == ("ok", 56, "56 B ≤ 56 B")
    (over,) = checked(tmp_path, f'{model}peak_memory_int8 = "13 B"\n')
    assert (over.status, over.actual) == ("over", 14)


def test_what_cannot_be_traced_or_counted_fails(tmp_path: Path) -> None:
    (failing,) = checked(tmp_path, 'model = "net:Failing"\ninput = [2, 4]\npeak_memory = "1 MB"\n')
    assert failing.status == "error"
    (unknown,) = checked(
        tmp_path,
        'model = "net:Unknown"\nargs = {in_features = 3, out_features = 3}\ninput = [3, 3]\n'
        'peak_memory = "1 MB"\n',
    )
    assert unknown.status == "unknown"
    assert "linalg_inv" in unknown.message


def test_a_graph_has_an_arena_and_no_training_step(tmp_path: Path) -> None:
    """Four numbers in and four out, a byte each or four."""
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
    verdicts = checked(
        tmp_path,
        'model = "net.onnx"\npeak_memory = 32\npeak_memory_int8 = 7\ntraining_macs = "1 M"\n',
    )
    found = {one.metric: one for one in verdicts}

    assert {metric: one.status for metric, one in found.items()} == {
        "peak_memory_fp32": "ok",
        "peak_memory_int8": "over",
        "training_macs": "error",
    }
    assert found["peak_memory_int8"].actual == 8
    assert "says nothing of gradients" in found["training_macs"].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peak_memory = 1\npeak_memory_fp32 = 1\n", "is peak_memory_fp32, which is there too"),
        ('peak_memory = "1 GMAC"\n', "MAC is no unit of peak_memory_fp32"),
        ('guard = {peak_memory = "+2 %"}\n', "peak_memory"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked(tmp_path, f'model = "resnet18"\n{text}')


def test_a_training_step(tmp_path: Path) -> None:
    """16 + 4 MACs forward and as many by weights, and 4 by the input of the second layer."""
    model = 'model = "net:layers"\ninput = [2, 4]\n'
    (fits,) = checked(tmp_path, f"{model}training_macs = 44\n")
    (over,) = checked(tmp_path, f"{model}training_macs = 43\n")

    assert (fits.actual, fits.status) == (44, "ok")
    assert (over.actual, over.status, over.delta) == (44, "over", 1)
    assert "`count --training` shows" in over.hint
