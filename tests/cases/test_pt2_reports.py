"""Exported programs as people report them: what is counted, worked out by hand."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.sources import Input, Options, resolve
from shufflenet_flops.sources.torch_modules.module import positional


class Tied(nn.Module):
    """An embedding of 20 words in 8 numbers whose weight is also that of the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight
        self.other = nn.Linear(20, 8, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        y: Tensor = self.other(self.head(self.embed(words)))
        return y


class Layer(nn.Module):
    """A linear layer from 8 to 4 after a function of its input."""

    def __init__(self, before: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before = before
        self.layer = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(self.before(x))
        return y


class Autocast(nn.Module):
    """A linear layer from 8 to 4, half of it under autocast, within autocast switched off."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            y: Tensor = self.first(x)
            with torch.autocast("cpu", enabled=False):
                y = self.second(y.float())
        return y


def save(directory: Path, module: nn.Module, *inputs: Tensor) -> str:
    path = str(directory / "model.pt2")
    torch.export.save(torch.export.export(module.eval(), inputs), path)
    return path


def test_tied_weights(tmp_path: Path) -> None:
    """One stored tensor under two names is one parameter: 20·8 and the 20·8 of another layer."""
    source = resolve(save(tmp_path, Tied(), torch.zeros(2, 5, dtype=torch.long)))

    assert source.counted.params == 160 + 160
    assert source.table.macs == 2 * 5 * (8 * 20 + 20 * 8)


def test_equal_weights_are_not_tied(tmp_path: Path) -> None:
    """Two layers with the same values hold two tensors."""
    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    first, second = module.parameters()
    second.data.copy_(first.data)

    assert resolve(save(tmp_path, module, torch.zeros(1, 4))).counted.params == 32


@pytest.mark.parametrize(
    "before",
    [
        lambda x: x * ((x > 0) & (x < 1)),
        lambda x: x * ((x > 0) | (x < 1)),
        lambda x: x * ((x > 0) ^ (x < 1)),
        lambda x: (x.int() << 1).float(),
        lambda x: (x.int() >> 1).float(),
        lambda x: (x.int() & 3).float(),
    ],
    ids=["and", "or", "xor", "left shift", "right shift", "and with a number"],
)
def test_operators_with_underscores(tmp_path: Path, before: Any) -> None:
    """huggingface/transformers: every decoder joins its masks with `&`."""
    source = resolve(save(tmp_path, Layer(before), torch.zeros(3, 8)))

    assert source.table.macs == 3 * 8 * 4
    assert source.counted.unknown_ops == {}


def test_autocast_inside(tmp_path: Path) -> None:
    """A graph within a graph within the graph; the precision outside is as it was."""
    source = resolve(save(tmp_path, Autocast(), torch.zeros(3, 8)))

    assert source.table.macs == 3 * (8 * 8 + 8 * 4)
    assert not torch.is_autocast_enabled("cpu")


class Moody(nn.Conv2d):
    """A convolution whose mode cannot be set."""

    def train(self, mode: bool = True) -> Any:
        raise NotImplementedError("no modes here")


@pytest.mark.parametrize("kind", ["exported", "moody", "nothing"])
def test_modules_whose_mode_cannot_be_set(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """`ExportedProgram.module()` refuses `eval()`, and some `train()` return nothing."""
    module = {
        "exported": lambda: torch.export.export(
            nn.Conv2d(3, 4, 3).eval(), (torch.zeros(1, 3, 8, 8),)
        ).module(),
        "moody": lambda: Moody(3, 4, 3),
        "nothing": lambda: type("Silent", (nn.Conv2d,), {"train": lambda self, mode=True: None})(
            3, 4, 3
        ),
    }[kind]
    user = types.ModuleType("usermodule")
    user.make = module  # type: ignore[attr-defined]  # a module made for the test
    monkeypatch.setitem(sys.modules, "usermodule", user)
    source = resolve("usermodule:make", Options((Input((1, 3, 8, 8)),)))

    assert source.table.macs == 6 * 6 * 4 * 27
    assert isinstance(source.module(), nn.Module)


class Many(nn.Module):
    """It takes a mask and labels by position, and a temperature by name only."""

    def forward(
        self, x: Tensor, mask: Tensor | None = None, labels: Any = None, *, heat: float = 1.0
    ) -> Tensor:
        return F.relu(x)


def test_names_that_leave_an_argument_out() -> None:
    """What is left out in between has its default; what is left out at the end is not given."""
    x, labels = torch.ones(1), torch.zeros(1)

    assert positional("m", Many(), {"x": x, "labels": labels}) == (x, None, labels)
    assert positional("m", Many(), {"x": x}) == (x,)
