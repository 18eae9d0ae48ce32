"""Ways of running a model that counters were reported to break on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.counting import backward_macs
from shufflenet_flops.trace import trace
from tests.cases.reports import Calls, x

LINEAR = 3 * 8 * 4  # 3 rows through a layer from 8 to 4


def layer(forward: Callable[..., Any]) -> nn.Module:
    return Calls(lambda parts, x: forward(parts[0], x), nn.Linear(8, 4))


def in_inference_mode(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        out: Tensor = layer(x)
    return out


def checkpointed(layer: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = checkpoint(layer, x, use_reentrant=False)
    return out


def under_no_grad(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = layer(x)
    return out


@torch.library.custom_op("cases::scaled", mutates_args=())
def scaled(x: Tensor) -> Tensor:
    """An op of the user's own, with no formula anywhere."""
    return x * 2


@scaled.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


RUNS: dict[str, Callable[..., Any]] = {
    "pytorch/pytorch 126268: 0 in inference mode": in_inference_mode,
    "pytorch/pytorch 134242: checkpoints broke the module tree": checkpointed,
    "pytorch/pytorch 93121: under no_grad": under_no_grad,
    "zhijian-liu/torchprofile 8: ops that only move elements": lambda layer, x: torch.stack(
        [F.leaky_relu(layer(x)).detach().to(torch.float64).floor()[:, None]]
    ),
    "zhijian-liu/torchprofile 12: a group norm and a floor division": lambda layer, x: (
        F.group_norm(layer(x), 2) // 2
    ),
    "zhijian-liu/torchprofile 19: gelu, reshape and permute": lambda layer, x: (
        F.gelu(layer(x)).reshape(2, 6).permute(1, 0)
    ),
    "facebookresearch/fvcore 148: no word of free ops": lambda layer, x: (
        layer(x).expand(2, 3, 4).unsqueeze(0).clone().softmax(-1)
    ),
}


@pytest.mark.parametrize("source", RUNS)
def test_counted_in_every_mode(source: str) -> None:
    traced = trace(layer(RUNS[source]), x(3, 8))

    assert traced.table.macs == LINEAR
    assert traced.unknown_ops == {}


@pytest.mark.parametrize("source", ["pytorch/pytorch 128199", "facebookresearch/fvcore 150"])
def test_a_compiled_model_is_counted_as_it_was_written(source: str) -> None:
    compiled = torch.compile(nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)), backend="eager")

    assert trace(compiled, x(3, 8)).table.macs == LINEAR


@pytest.mark.parametrize(
    "source",
    ["pytorch/pytorch 131041", "pytorch/pytorch 123800", "SHI-Labs/NATTEN 184"],
)
def test_an_op_of_the_users_own_is_listed(source: str) -> None:
    """It was ignored without a word."""
    model = layer(lambda layer, x: scaled(layer(x)))
    traced = trace(model, x(3, 8))

    assert (traced.table.macs, dict(traced.unknown_ops)) == (LINEAR, {"cases.scaled": 1})
    assert not explain("model", model, [x(3, 8)]).complete


BACKWARD: dict[str, tuple[nn.Module, Tensor, int]] = {
    # Forward: 3 · 5 · 9 for each of 25 inputs. Backward: as much for the input, and the weight.
    "pytorch/pytorch 119806: a transposed convolution's, wildly too much": (
        nn.ConvTranspose2d(3, 5, 3, stride=2), x(1, 3, 5, 5), 2 * 15 * 9 * 25
    ),
    "pytorch/pytorch 183405: a grouped convolution's, too much by the groups": (
        nn.Conv2d(6, 6, 3, groups=3), x(1, 6, 6, 6), 2 * 6 * 2 * 9 * 16
    ),
    "pytorch/pytorch 105613: a depthwise one's": (
        nn.Conv2d(4, 4, 3, groups=4), x(2, 4, 5, 5), 2 * 2 * 4 * 9 * 9
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", BACKWARD)
def test_the_backward_pass(source: str) -> None:
    module, image, macs = BACKWARD[source]
    rows = trace(module, image).table.rows

    assert sum(backward_macs(row, input_grad=True) for row in rows) == macs
