"""Functions by whatever way they are called: some counters replace them under their names.

Whoever imported one by itself, or kept it in an attribute, calls what it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, mm, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    avg_pool2d,
    gelu,
    max_pool2d,
    relu,
    silu,
    softmax,
)

from shufflenet_flops.counters.explain import Explanation, explain

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (".*torch.jit", ".*TorchScript", ".*upsample", ".*recompute_scale_factor")
]
CONV = 4 * 3 * 9 * 49  # at 7 x 7 positions
IMAGE = (1, 3, 9, 9)


class Then(nn.Module):
    """A convolution, or a part of another kind, and what is done with its result."""

    def __init__(self, function: Callable[..., Any], part: nn.Module | None = None) -> None:
        super().__init__()
        self.part, self.function = part or nn.Conv2d(3, 4, 3), function

    def forward(self, x: Tensor) -> Any:
        return self.function(self.part(x))


class Keeps(nn.Module):
    """A convolution, and a function that is kept in an attribute, with its options."""

    def __init__(self, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 4, 3), function
        self.args, self.options = args, options

    def forward(self, x: Tensor) -> Any:
        return self.function(self.conv(x), *self.args, **self.options)


def _explained(module: nn.Module, shape: tuple[int, ...] = IMAGE) -> Explanation:
    found = explain("model", module.eval(), [torch.randn(shape)])
    assert {name: report.status for name, report in found.counters.items()} == dict.fromkeys(
        found.counters, "ok"
    )
    return found


CALLS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: Then(lambda y: relu(y)),
    "pools": lambda: Then(
        lambda y: avg_pool2d(max_pool2d(y, 2), 2) + adaptive_avg_pool2d(y, 1)
    ),
    "activations": lambda: Then(lambda y: softmax(gelu(silu(y)), 1)),
    "relu that is kept": lambda: Keeps(F.relu),
    "pool that is kept": lambda: Keeps(F.adaptive_avg_pool2d, 1),
    "pool with indices that is kept": lambda: Keeps(F.max_pool2d, 2, return_indices=True),
    "larger image, by a function that is kept": lambda: Keeps(F.interpolate, scale_factor=2),
    "pools with indices": lambda: Then(
        lambda y: F.max_pool2d(y, 2, return_indices=True)[0]
        + F.adaptive_max_pool2d(y, 3, return_indices=True)[0]
    ),
    "image of half the size": lambda: Then(lambda y: F.interpolate(y, scale_factor=0.5)),
    "image by a broken factor": lambda: Then(
        lambda y: F.interpolate(y, scale_factor=1.5, mode="bilinear")
    ),
    "image by two factors": lambda: Then(
        lambda y: F.interpolate(y, scale_factor=(1.5, 2.2), mode="bicubic")
    ),
    "image of a size": lambda: Then(lambda y: F.interpolate(y, size=(13, 11), antialias=False)),
    "image by its areas": lambda: Then(lambda y: F.interpolate(y, 3, mode="area")),
    "image by the old name": lambda: Then(lambda y: F.upsample(y, scale_factor=1.5)),
    "layer with a broken factor": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=1.5)
    ),
    "layer with two factors": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=(1.5, 2.0))
    ),
    "shorter factors": lambda: Then(lambda y: torch.add(torch.mul(y, y[0, 0, 0]), y[0, 0])),
    "sums by a method": lambda: Then(lambda y: y.add(y[0]).mul(y[0, 0, 0, 0])),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_no_residual(case: str) -> None:
    found = _explained(CALLS[case]())

    assert found.macs == CONV
    assert {report.residual for report in found.counters.values()} == {0}


def test_a_function_imported_by_itself_is_not_seen() -> None:
    """By its name in torch it counts once for each of 4 x 49 elements."""
    totals = [
        _explained(Then(function)).counters["ptflops"].reported
        for function in (lambda y: relu(y), lambda y: F.relu(y))
    ]
    assert totals == [CONV + 196, CONV + 2 * 196]


def test_a_product_imported_by_itself() -> None:
    """Which torchprofile has no handler for, whatever it is called by."""
    found = _explained(Then(lambda y: mm(y, y), nn.Linear(5, 5, bias=False)), (5, 5))

    assert found.macs == 2 * 125
    assert {report.residual for report in found.counters.values()} == {0}
