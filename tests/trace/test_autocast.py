"""Mixed precision: the casts that `torch.autocast` makes on the CPU, by hand and by a real run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counting.backward import Purpose
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.peak.timeline import Timeline
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.autocast import CASTING
from shufflenet_flops.trace.shortcuts import SWITCH
from tests.support.allocator import allocations
from tests.support.torch_versions import checkpoint_without_reentrance

BFLOAT16 = torch.bfloat16


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(32), nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        y: Tensor = self.out((q @ k.transpose(-1, -2) / 5).softmax(-1) @ v)
        return y + x


class Twice(nn.Module):
    """One weight, which is cast once."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(self.layer(x).relu())
        return y


class Losing(nn.Module):
    """The loss is in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x).flatten(0, 1)
        return F.cross_entropy(y, torch.zeros(y.shape[0], dtype=torch.long))


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return x


def _image() -> Tensor:
    return torch.rand(2, 3, 32, 32)


def _tokens() -> Tensor:
    return torch.rand(2, 9, 32)


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 32, 3, stride=2, groups=4),
        nn.GroupNorm(4, 32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def _perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(32, 64), nn.GELU(), nn.Dropout(0.1), nn.LayerNorm(64), nn.Linear(64, 10)
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "convolutions": (_convolutions, _image),
    "perceptron": (_perceptron, _tokens),
    "attention": (Attending, _tokens),
    "shared weight": (Twice, _tokens),
    "loss": (Losing, _tokens),
    "checkpoints": (Checkpointed, _tokens),
}
EACH_NETWORK = pytest.mark.parametrize("name", NETWORKS)


def _timeline(model: nn.Module, x: Tensor, *, step: bool) -> Timeline:
    asked = ALL if step else None
    traced = trace(model, x, training=step, memory=True, step=asked, autocast="bfloat16")
    assert not traced.real_forward
    return traced.timeline


@EACH_NETWORK
def test_inference_keeps_what_the_allocator_is_asked_for(name: str) -> None:
    model, x = NETWORKS[name][0]().eval(), NETWORKS[name][1]()
    predicted = max(_timeline(copy.deepcopy(model), x, step=False).live_bytes)

    def run() -> Any:
        with torch.no_grad(), torch.autocast("cpu", dtype=BFLOAT16):
            return model(x)

    assert predicted == allocations(run).tensor_bytes


@checkpoint_without_reentrance
@EACH_NETWORK
def test_a_step_keeps_what_the_allocator_is_asked_for(name: str) -> None:
    """Forward within autocast, backward not, as torch has it done."""
    model, x = NETWORKS[name][0](), NETWORKS[name][1]()
    predicted = max(_timeline(copy.deepcopy(model), x, step=True).live_bytes)

    def run() -> Any:
        with torch.autocast("cpu", dtype=BFLOAT16):
            y = model(x)
        y.backward(torch.ones_like(y))
        return y

    assert predicted == allocations(run).tensor_bytes


def test_a_layer_by_hand() -> None:
    """8 to 4 on two samples: 32 weights, 4 biases and 16 inputs in halves, and 8 results."""
    timeline = _timeline(nn.Linear(8, 4), torch.rand(2, 8), step=False)

    assert max(timeline.live_bytes) == 2 * (32 + 4 + 16 + 8)
    assert timeline.held == {"parameters": 4 * 36, "buffers": 0, "inputs": 4 * 16}
    terms = {term.name: term.bytes for term in timeline.terms}
    assert terms["parameters as autocast has them"] == 2 * 36


def test_gradients_are_in_the_type_of_parameters() -> None:
    timeline = _timeline(nn.Linear(8, 4), torch.rand(2, 8), step=True)

    assert {s.dtype for s in timeline.storages if s.is_gradient} == {"float32"}
    assert sum(s.bytes for s in timeline.storages if s.is_gradient) == 4 * 36


class Own(nn.Module):
    """A layer of as many outputs as there are samples, within autocast of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=BFLOAT16):
            x = self.first(x)
        y: Tensor = self.second(x.float())
        return y


def test_a_forward_pass_that_asks_for_it_has_rows_of_halves() -> None:
    traced = trace(Own(), torch.rand(4, 8))
    rows = {row.path: row for row in traced.table.rows if row.counts.get(OpClass.LINEAR_MACS)}

    assert not traced.real_forward
    assert rows["first"].read_bytes == 2 * (32 + 32 + 4)
    assert rows["first"].write_bytes == 2 * 16
    assert rows["second"].read_bytes == 4 * (16 + 16 + 4)
    assert {path: row.params for path, row in rows.items()} == {"first": 36, "second": 20}
    assert traced.table.macs == 4 * (32 + 16)
    assert not torch.is_autocast_enabled("cpu")


def test_gradients_of_inputs_are_told_from_those_of_weights() -> None:
    """Also of a layer whose two are of one shape."""
    traced = trace(Own(), torch.rand(4, 8), training=True, step=ALL)
    assert traced.step is not None

    assert {(row.path, row.purpose): row.macs for row in traced.step.backward} == {
        ("second", Purpose.INPUTS): 64,
        ("second", Purpose.WEIGHTS): 64,
        ("first", Purpose.WEIGHTS): 128,
    }


def test_it_is_the_same_without_short_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = _convolutions(), _image()
    fast = [_timeline(model, x, step=step).live_bytes for step in (False, True)]
    monkeypatch.setenv(SWITCH, "0")

    assert [_timeline(model, x, step=step).live_bytes for step in (False, True)] == fast


def test_what_is_cast_step_by_step_is_run() -> None:
    traced = trace(nn.GRU(4, 4), torch.rand(3, 2, 4), memory=True, autocast="bfloat16")

    assert traced.real_forward
    assert "autocast" in traced.real_because


@pytest.mark.parametrize(
    ("equation", "dtype"),
    [("ij,jk->ik", BFLOAT16), ("ij,jk", BFLOAT16), ("ij,jk->ijk", torch.float32)],
)
def test_an_einsum_is_cast_where_it_is_a_product(equation: str, dtype: torch.dtype) -> None:
    class Summed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.einsum(equation, x, x)
            assert y.dtype is dtype
            return y

    x = torch.rand(4, 4)
    trace(Summed(), x, autocast="bfloat16")
    with torch.autocast("cpu", dtype=BFLOAT16):
        Summed()(x)


def test_every_op_that_torch_casts_is_known() -> None:
    """By the dispatcher of this torch; a function goes by the name of its op, or by another."""
    dispatcher: Any = torch._C
    ops = {
        name.removeprefix("aten::").partition(".")[0]
        for name in dispatcher._dispatch_get_all_op_names()
        if name.startswith("aten::")
        and dispatcher._dispatch_has_kernel_for_dispatch_key(name, "AutocastCPU")
    }

    assert len(ops) > 50
    assert ops - CASTING <= INNER


# What no function of torch's comes to by its own name.
INNER = {
    "_convolution", "_grid_sampler_2d_cpu_fallback", "_lu_with_info",
    "mkldnn_rnn_layer", "multilabel_margin_loss_forward",
}  # fmt: skip
