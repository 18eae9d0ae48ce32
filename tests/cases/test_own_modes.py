"""Modes that a forward pass enters by itself: of dispatch, of torch functions, and of attention.

Every module has its MACs worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.counters.explain import explain
from shufflenet_flops.trace import trace
from tests.support.torch_versions import ops_handed_to_a_mode

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*TorchScript")


aten = torch.ops.aten


class Passes(TorchDispatchMode):
    """Hands every op on."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Parts(TorchDispatchMode):
    """Takes a product and its bias apart."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is aten.addmm.default:
            return aten.add.Tensor(aten.mm.default(*args[1:]), args[0])
        return func(*args, **(kwargs or {}))


class PassesFunctions(TorchFunctionMode):
    """Hands every function on."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class Widens(TorchFunctionMode):
    """Gives every fully connected layer a second copy of its weight."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.linear:
            x, weight, *_ = args
            return F.linear(x, torch.cat([weight, weight]))
        return func(*args, **(kwargs or {}))


class Within(nn.Module):
    """Modules one after the other within modes, and signs between."""

    def __init__(
        self, modes: Callable[[], list[AbstractContextManager[Any]]], *parts: nn.Module
    ) -> None:
        super().__init__()
        self.modes, self.parts = modes, nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        modes = self.modes()
        for mode in modes:
            mode.__enter__()
        y: Tensor = self.parts(x) * 2 + torch.ones(8)
        for mode in reversed(modes):
            mode.__exit__(None, None, None)
        return y


class Named(nn.Module):
    """Functions and methods, and a sum by a sign."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.softmax(F.relu(x), -1).mul(2).add(x)
        return y + torch.mul(x, x)


class Own(Tensor):
    """A class of its own, which says nothing of how it is copied."""


class Self(nn.Module):
    """Attention of its input to itself, by a layer or by the function."""

    def __init__(self, layer: nn.MultiheadAttention | None = None, **options: Any) -> None:
        super().__init__()
        self.layer, self.options = layer, options

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is None:
            return F.scaled_dot_product_attention(x, x, x, **self.options)
        y: Tensor = self.layer(x, x, x, **self.options)[0]
        return y


def _written_out() -> list[AbstractContextManager[Any]]:
    return [sdpa_kernel(SDPBackend.MATH)]


TOKENS, HEADS = (2, 5, 8), (2, 3, 5, 8)
LINEAR, ATTENTION = 10 * 64, 4 * 10 * 64 + 2 * 2 * 25 * 8
APART = "taken apart"
MODES: dict[str, tuple[int, Callable[[], nn.Module], tuple[int, ...]]] = {
    "ops handed on": (LINEAR, lambda: Within(lambda: [Passes()], nn.Linear(8, 8)), TOKENS),
    "twice": (LINEAR, lambda: Within(lambda: [Passes(), Passes()], nn.Linear(8, 8)), TOKENS),
    APART: (5 * 64, lambda: Within(lambda: [Parts()], nn.Linear(8, 8)), (5, 8)),
    "a layer of attention": (
        4 * 10 * 64 + 2 * 5 * 4 * 8,
        lambda: Within(lambda: [Passes()], Self(nn.MultiheadAttention(8, 2))),
        TOKENS,
    ),
    "functions handed on": (
        LINEAR, lambda: Within(lambda: [PassesFunctions()], nn.Linear(8, 8)), TOKENS
    ),
    "layers and methods": (
        LINEAR,
        lambda: Within(lambda: [PassesFunctions()], nn.Linear(8, 8), nn.ReLU(), Named()),
        TOKENS,
    ),
    "a device": (LINEAR, lambda: Within(lambda: [torch.device("cpu")], nn.Linear(8, 8)), TOKENS),
    "another function": (
        2 * 10 * 32, lambda: Within(lambda: [Widens()], nn.Linear(8, 4, bias=False)), TOKENS
    ),
    "attention written out": (2 * 6 * 25 * 8, lambda: Within(_written_out, Self()), HEADS),
    "attention whose keys are shared": (
        2 * 6 * 25 * 8,
        lambda: Within(_written_out, Self(enable_gqa=True)),
        HEADS,
    ),
    "a layer of attention written out": (
        ATTENTION,
        lambda: Within(
            _written_out, Self(nn.MultiheadAttention(8, 2, batch_first=True), need_weights=False)
        ),
        TOKENS,
    ),
    "a layer of a transformer": (
        ATTENTION + 2 * 10 * 8 * 16,
        lambda: Within(_written_out, nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
        TOKENS,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=ops_handed_to_a_mode if case == APART else ()) for case in MODES],
)
def test_no_residual(case: str) -> None:
    macs, build, shape = MODES[case]
    found = explain("model", build().eval(), [torch.randn(shape)])
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }

    assert found.macs == macs
    assert residuals == dict.fromkeys(residuals, 0)
    assert {"torch", "thop", "ptflops", "profiler"} <= residuals.keys()


def test_inputs_of_ones_own_class() -> None:
    """Torch hands them functions by their names, whatever they were called by."""
    model = nn.Sequential(Named(), nn.Linear(8, 8)).eval()
    found = explain("model", model, [torch.randn(TOKENS).as_subclass(Own)])
    counted = {name: (report.status, report.residual) for name, report in found.counters.items()}

    assert found.macs == LINEAR
    assert counted == dict.fromkeys(counted, ("ok", 0))


class Counts(nn.Module):
    """Counts its own work in each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        with FlopCounterMode(display=False) as mode:
            y: Tensor = self.layers(x)
        assert mode.get_total_flops() == 2 * x.shape[:-1].numel() * (64 + 32)
        return y


def test_a_mode_sees_what_it_does_in_a_real_run() -> None:
    """Layers and functions are not called past a mode that the model enters; a second time too."""
    model, x = Counts(), torch.randn(TOKENS)

    assert [trace(model, x).table.macs for _ in range(2)] == 2 * [10 * (64 + 32)]
