"""Plain layers are traced without torch's Python around them; nothing else may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import Trace, fast, trace
from shufflenet_flops.trace.shortcuts import SWITCH


def traced_in_full(
    monkeypatch: pytest.MonkeyPatch, model: nn.Module, x: Tensor, training: bool | None = False
) -> Trace:
    with monkeypatch.context() as patch:
        patch.setenv(SWITCH, "0")
        return trace(model, x, training=training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "name", ["shufflenet_v1_x1_0_g3", "mobilenet_v1", "resnet50", "squeezenet1_1", "googlenet"]
)
def test_the_short_way_gives_the_same_trace(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.find(name)
    module, x = build(model.spec), torch.zeros(2, *model.input[1:])
    whole = traced_in_full(monkeypatch, module, x, training)
    fast.KNOWN.clear()
    assert trace(module, x, training=training) == whole


class _Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def _own_forward() -> nn.Module:
    conv = nn.Conv2d(8, 8, 1)
    conv.forward = lambda x: F.conv2d(x, conv.weight).relu()  # type: ignore[method-assign]
    return conv


def _hooked() -> nn.Module:
    conv = nn.Conv2d(8, 8, 1)
    conv.register_forward_hook(lambda module, args, y: y.relu())
    return conv


def _frozen() -> nn.Module:
    class Wakes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(8)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.norm.train()(x)
            return result

    return Wakes()


SPECIAL: dict[str, Callable[[], nn.Module]] = {
    "subclass": lambda: _Doubled(8, 8, 1),
    "own forward": _own_forward,
    "hook": _hooked,
    "padding mode": lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    "same": lambda: nn.Conv2d(8, 8, 3, padding="same"),
    "no statistics": lambda: nn.BatchNorm2d(8, track_running_stats=False),
    "training": _frozen,
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1)),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_layers_that_are_not_plain_run_their_own_code(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.zeros(2, 8, 6, 6)
    whole = traced_in_full(monkeypatch, nn.Sequential(SPECIAL[name]()), x)
    assert trace(nn.Sequential(SPECIAL[name]()), x) == whole


def test_a_forward_replaced_for_all_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x.sigmoid())
    assert [row.op for row in trace(nn.ReLU(), torch.zeros(1, 4)).table.rows] == ["sigmoid"]


@pytest.mark.parametrize("shape", [(1, 3, 6, 6), (8, 6), (8,)])
def test_a_wrong_input_fails_with_its_place_and_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="'0' at conv2d.*" + "x".join(map(str, shape))):
        trace(nn.Sequential(nn.Conv2d(8, 8, 1)), torch.zeros(shape))
