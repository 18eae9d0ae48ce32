"""When tensors are made and let go of: by hand, and as torch's allocator has it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shufflenet_flops.peak.timeline import Timeline
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.shortcuts import SWITCH
from tests.support.allocator import allocations
from tests.support.networks import network
from tests.support.torch_versions import memory_of_cat


class Calls(nn.Module):
    """A function as a module, which may keep something in `self.kept`."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.kept: Any = None

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)


def timeline_of(function: Any, *inputs: Any) -> Timeline:
    return trace(Calls(function), *inputs, memory=True).timeline


X = torch.rand(2, 8)  # 64 bytes


def _chain(module: Calls, x: Tensor) -> Tensor:
    x = x + 1  # the input is the caller's, so nothing is let go of
    x = x * 2
    return x.exp()


def _views(module: Calls, x: Tensor) -> Tensor:
    y = x + 1
    part = y.view(16)[8:].reshape(2, 4)
    del y  # what is left of it keeps all of it
    return part.exp() + 1


def _in_place(module: Calls, x: Tensor) -> Tensor:
    y = (x + 1).mul_(2).relu_()
    y[:, 0] = 3
    return y.sigmoid_()


def _branch(module: Calls, x: Tensor) -> Tensor:
    shortcut = x + 1
    y = shortcut.exp()
    y = y.exp()
    return y + shortcut


def _cat(module: Calls, x: Tensor) -> Tensor:
    return torch.cat([x.exp(), x.sin(), x.cos()], dim=1)


def _keeps(module: Calls, x: Tensor) -> Tensor:
    module.kept = x.exp()
    y = x + 1
    return y.exp()


def _list(module: Calls, x: Tensor) -> dict[str, Any]:
    outputs: list[Any] = []
    for _ in range(3):
        x = x + 1
        outputs.append(x)
    return {"outputs": outputs, "more": (x.exp(),)}


def _constant(module: Calls, x: Tensor) -> Tensor:
    """A constant has values in a trace, and is gone once it was used."""
    positions = torch.arange(1024, dtype=torch.float32)
    x = x + positions[:8]
    del positions
    return torch.cat([x] * 4).exp()


def _halves(module: Calls, x: Tensor) -> Tensor:
    y = x.half() + 1
    return y.double()


# The most that is alive at a time, of what the run makes, in bytes.
BY_HAND = [
    (_chain, 64 + 64),  # each result beside the one that it is made of
    (_views, 64 + 32 + 32),  # y, through its part, exp, and the sum
    (_in_place, 64),
    (_branch, 3 * 64),  # the shortcut, and two of the branch or one and the sum
    (_cat, 3 * 64 + 3 * 64),
    (_keeps, 3 * 64),
    (_list, 4 * 64),
    (_constant, 4096 + 64),
    (_halves, 32 + 128),
]


@pytest.mark.parametrize(
    ("function", "expected"), BY_HAND, ids=[function.__name__ for function, _ in BY_HAND]
)
def test_the_peak_is_as_worked_out_by_hand(function: Any, expected: int) -> None:
    timeline = timeline_of(function, X)

    assert max(timeline.live_bytes) == expected
    assert timeline.held == {"parameters": 0, "buffers": 0, "inputs": 64}


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(function, marks=memory_of_cat if function is _cat else ())
        for function, _ in BY_HAND
    ],
)
def test_it_is_what_the_allocator_is_asked_for(function: Any) -> None:
    with torch.no_grad():
        real = allocations(lambda: Calls(function)(X))

    assert max(timeline_of(function, X).live_bytes) == real.tensor_bytes


class Tied(nn.Module):
    """One matrix for two layers, in double precision, and one in half."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False, dtype=torch.float64)
        self.second = nn.Linear(8, 8, bias=False, dtype=torch.float64)
        self.second.weight = self.first.weight
        self.half = nn.Linear(8, 4, bias=False, dtype=torch.float16)
        self.register_buffer("table", torch.zeros(3, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_is_held_is_counted_once_in_its_own_type(device: str) -> None:
    with torch.device(device):
        model = Tied()
    x = torch.rand(2, 8, dtype=torch.float64, device=device)
    timeline = trace(model, x, memory=True).timeline

    assert timeline.held == {"parameters": 8 * 8 * 8 + 4 * 8 * 2, "buffers": 24, "inputs": 128}
    assert timeline.live_bytes == (128, 256)


def test_views_of_the_models_own_tensors_are_none_of_the_runs() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(8, 8))
            self.plain = torch.rand(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight.t()[:, :4] + self.plain[:1, :4]

    for device in ("cpu", "meta"):
        model = Own().to(device)
        model.plain = model.plain.to(device)
        timeline = trace(model, X.to(device), memory=True).timeline
        assert timeline.live_bytes == (32, 64)


NETWORKS = """
    torchvision:densenet121 torchvision:googlenet torchvision:mobilenet_v3_small
    torchvision:shufflenet_v2_x0_5 torchvision:squeezenet1_1 timm:regnetz_005 timm:hrnet_w18_small
    timm:nf_regnet_b1 timm:res2net50_14w_8s timm:convnextv2_atto timm:edgenext_xx_small
    """.split()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=memory_of_cat if name == "torchvision:densenet121" else ())
        for name in NETWORKS
    ],
)
def test_networks_take_what_the_allocator_is_asked_for(name: str) -> None:
    model, image = network(name)
    timeline = trace(copy.deepcopy(model), image, memory=True).timeline
    with torch.no_grad():
        real = allocations(lambda: model(image))

    assert max(timeline.live_bytes) == real.tensor_bytes


class Attends(nn.Module):
    """Attention by one kernel, or by products where no kernel takes it."""

    def __init__(self, *, blocks: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.blocks = blocks

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(2, 16, 3, 2, 4).permute(2, 0, 3, 1, 4)
        if self.blocks:
            q, k, v = (part.unflatten(2, (4, 4)) for part in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v)


@pytest.mark.parametrize("blocks", [False, True])
def test_attention_takes_what_the_allocator_is_asked_for(blocks: bool) -> None:
    model, x = Attends(blocks=blocks), torch.rand(2, 16, 8)
    traced = trace(model, x, memory=True)
    with torch.no_grad():
        real = allocations(lambda: model(x))

    assert max(traced.timeline.live_bytes) == real.tensor_bytes
    assert traced.table == trace(model, x).table


def test_a_fully_connected_layer_copies_an_input_whose_axes_are_mixed() -> None:
    """x is 3 x 4 x 5, seen as 3 x 5 x 4: no view of it has 15 rows."""
    model = nn.Sequential(Calls(lambda module, x: x.transpose(1, 2)), nn.Linear(4, 2))
    x = torch.rand(3, 4, 5)
    timeline = trace(model, x, memory=True).timeline
    with torch.no_grad():
        real = allocations(lambda: model(x))

    assert max(timeline.live_bytes) == real.tensor_bytes == 3 * 5 * 4 * 4 + 3 * 5 * 2 * 4


@pytest.mark.parametrize("name", NETWORKS[:4])
def test_it_is_the_same_without_the_short_cuts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = network(name)
    fast = trace(model, image, memory=True).timeline
    monkeypatch.setenv(SWITCH, "0")

    assert trace(model, image, memory=True).timeline.live_bytes == fast.live_bytes


def test_a_real_run_is_watched_as_well() -> None:
    """Where control flow asks for values."""

    def function(module: Calls, x: Tensor) -> Tensor:
        y = x.exp()
        return y + 1 if y.sum() > 0 else y

    traced = trace(Calls(function), X, memory=True)

    assert traced.real_forward
    assert max(traced.timeline.live_bytes) == 128
    assert traced.timeline.held["inputs"] == 64


def test_without_being_asked_for_there_is_none() -> None:
    assert trace(Calls(_chain), X).timeline.moments == ()


def test_autocast_makes_halves() -> None:
    """Of x, of the weights, which it keeps, and of results."""

    def run(module: Calls, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y: Tensor = module.layer(x)
            return y.relu()

    model, x = Calls(run), torch.rand(1, 3, 8, 8)
    model.layer = nn.Conv2d(3, 4, 1, bias=False)
    traced = trace(model, x, memory=True)
    with torch.no_grad():
        real = allocations(lambda: model(x)).tensor_bytes

    assert not traced.real_forward
    assert max(traced.timeline.live_bytes) == real
    assert all(made.dtype == "bfloat16" for made in traced.timeline.storages)
