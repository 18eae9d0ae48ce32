"""What is alive in a training step: by hand, and as torch's allocator has it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.peak.timeline import Moment, Storage, Term, Timeline
from shufflenet_flops.peak.update import with_update
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.workspace.cpu import CHECKED, is_checked
from tests.support.allocator import allocations
from tests.support.networks import network
from tests.support.torch_versions import checkpoint_without_reentrance


def timeline_of(model: nn.Module, x: Tensor) -> Timeline:
    return trace(model, x, training=True, memory=True, step=Trained()).timeline


def real_peak(model: nn.Module, x: Tensor) -> int:
    """Of a forward and a backward pass from a gradient of ones."""
    model.train()

    def step() -> Any:
        y = model(x)
        torch.autograd.backward(y, torch.ones_like(y))
        return y

    return allocations(step).peak_bytes


def test_two_layers_by_hand() -> None:
    """x, 2 x 8, to 2 x 16, relu, to 2 x 4.

    Forward keeps the relu's result (128 bytes) and the output (32). The peak is in the gradients of
    the first layer: output, its gradient, that of the relu's input and the weights' own.
    """
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    timeline = timeline_of(model, torch.rand(2, 8))
    gradients = sum(storage.bytes for storage in timeline.storages if storage.is_gradient)

    assert gradients == 4 * sum(param.numel() for param in model.parameters())
    assert timeline.held == {"parameters": gradients, "buffers": 0, "inputs": 64}
    forward = [moment.op for moment in timeline.moments].index("relu")
    assert timeline.live_bytes[forward] == 256
    terms = {term.name: term.bytes for term in timeline.terms}
    assert terms["gradients of parameters"] == gradients
    assert all(param.grad is None for param in model.parameters())


class Blocks(nn.Module):
    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.again = again
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 512), nn.GELU(), nn.Linear(512, 8)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.again else block(x)
        return x


@checkpoint_without_reentrance
def test_a_checkpoint_keeps_less() -> None:
    """What a block keeps is there for one block at a time, when it is run again."""
    x = torch.rand(64, 8)
    whole, again = (timeline_of(Blocks(again=again), x).peak_bytes for again in (False, True))

    assert again < whole - 64 * 512 * 4


NETWORKS = """
    torchvision:resnet18 torchvision:mobilenet_v2 torchvision:shufflenet_v2_x0_5
    torchvision:densenet121 torchvision:squeezenet1_1 timm:regnetz_005
    """.split()


@pytest.mark.skipif(
    not is_checked(), reason=f"what kernels take beside their results is that of {CHECKED}"
)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_take_what_the_allocator_is_asked_for(name: str) -> None:
    model, image = network(name, 64)
    x = torch.cat([image, image])
    predicted = max(timeline_of(copy.deepcopy(model), x).used_bytes)

    assert predicted == pytest.approx(real_peak(model, x), rel=0.1)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(32), nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        y: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return y


NORMED = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.BatchNorm2d(16)
)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        pytest.param(Attending(), (2, 9, 32), id="attention"),
        pytest.param(
            nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (2, 9, 32), id="with dropout"
        ),
        pytest.param(NORMED, (2, 3, 32, 32), id="batch norm"),
    ],
)
def test_what_is_kept_for_the_backward_pass_is_let_go_of(
    model: nn.Module, shape: tuple[int, ...]
) -> None:
    """To the byte: queries, keys and values with the sums of each query, statistics of a norm.

    Attention with dropout is made of products.
    """
    model, x = copy.deepcopy(model).train(), torch.rand(shape)
    predicted = max(timeline_of(copy.deepcopy(model), x).live_bytes)

    def step() -> Any:
        y = model(x)
        y.backward(torch.ones_like(y))
        return y

    assert predicted == allocations(step).tensor_bytes


STEP = Timeline(
    {"parameters": 40},
    (Moment("a", "forward"), Moment("a", "backward")),
    (
        Storage(100, 0, 2, (25,), "float32", "a", "forward"),
        Storage(40, 1, 2, (10,), "float32", "a", "backward", is_gradient=True),
    ),
)


@pytest.mark.parametrize(
    ("optimizer", "state", "kept", "way"), [("sgd", 0, 0, 0), ("momentum", 1, 40, 0)]
)
def test_an_update_keeps_its_state(optimizer: str, state: int, kept: int, way: int) -> None:
    step = with_update(STEP, optimizer, state)

    assert step.held == {"parameters": 40, "optimizer state": kept}
    assert step.live_bytes == (100, 140, 140)
    assert step.moments[-1] == Moment("", f"update by {optimizer}")


def test_adam_keeps_two_numbers_and_a_counter_for_each_parameter() -> None:
    """As torch's optimiser does, after a step."""
    model = nn.Linear(3, 2, bias=False)
    x = torch.rand(4, 3)
    step = with_update(timeline_of(copy.deepcopy(model), x), "adam", 2)
    adam = torch.optim.Adam(model.parameters())
    model(x).sum().backward()
    adam.step()
    kept = sum(
        value.numel() * value.element_size()
        for state in adam.state.values()
        for value in state.values()
    )

    assert step.held["optimizer state"] == kept == 2 * 24 + 4
    assert step.moments[-1].workspace == (
        Term("temporaries of the largest parameter's update", 2 * 24),
    )
