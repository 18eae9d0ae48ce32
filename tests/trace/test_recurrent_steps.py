"""Recurrent layers as the CPU takes them: torch's own numbers, and its memory in a step."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.counting.trained import ALL, Trained
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.recurrent_steps import in_kernels, in_steps
from shufflenet_flops.trace.workspace.cpu import CHECKED, is_checked
from tests.support.allocator import allocations
from tests.support.torch_versions import memory_of_cat

# torch tells of a projection that oneDNN has none
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
KINDS: dict[str, type[nn.RNNBase]] = {
    **{"gru": nn.GRU, "lstm": nn.LSTM, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}
}


class Results(nn.Module):
    def __init__(self, inner: nn.RNNBase) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)[0]
        return y


@pytest.mark.parametrize("function", sorted(KINDS.keys() - {"lstm"}))
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("two_ways", [False, True])
def test_it_is_torch_s_function(function: str, layers: int, biased: bool, two_ways: bool) -> None:
    named: dict[str, Any] = {"nonlinearity": "relu"} if function == "rnn_relu" else {}
    layer = KINDS[function](4, 3, layers, bias=biased, bidirectional=two_ways, **named)
    x, before = torch.rand(5, 2, 4), torch.rand(layers * (1 + two_ways), 2, 3)
    options = (biased, layers, 0.0, False, two_ways, False)
    found = in_steps(function, x, before, layer._flat_weights, *options)

    for ours, theirs in zip(found, layer(x, before), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("two_ways", [False, True])
@pytest.mark.parametrize("units", [0, 2])
def test_an_lstm_is_torch_s_by_kernels_and_in_steps(
    layers: int, biased: bool, two_ways: bool, units: int
) -> None:
    """A projection, to `units`, is in steps alone."""
    ways = 1 + two_ways
    layer = nn.LSTM(4, 3, layers, bias=biased, bidirectional=two_ways, proj_size=units)
    x, hidden = torch.rand(5, 2, 4), torch.rand(layers * ways, 2, units or 3)
    before = (hidden, torch.rand(layers * ways, 2, 3))
    options = (biased, layers, 0.0, False, two_ways, False)
    real, states = layer(x, before)
    found = [in_steps("lstm", x, before, layer._flat_weights, *options)]
    if not units:
        found.append(in_kernels(x, before, layer._flat_weights, *options))

    for ours in found:
        torch.testing.assert_close(ours, (real, *states))


def step_of(model: nn.Module, x: Tensor) -> Any:
    y = model(x)
    y.backward(torch.ones_like(y))
    return y


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("gru", {}),
        ("gru", {"bias": False, "batch_first": True}),
        pytest.param("gru", {"num_layers": 2, "bidirectional": True}, marks=memory_of_cat),
        ("rnn_tanh", {}),
        ("rnn_relu", {"nonlinearity": "relu", "num_layers": 2, "dropout": 0.1}),
        pytest.param("lstm", {"proj_size": 8, "bidirectional": True}, marks=memory_of_cat),
        ("lstm", {"dtype": torch.float64}),
    ],
)
def test_a_step_keeps_what_the_allocator_is_asked_for(
    function: str, options: dict[str, Any]
) -> None:
    model = Results(KINDS[function](32, 16, **options)).train()
    x = torch.rand(5, 9, 32, dtype=options.get("dtype"))
    traced = trace(copy.deepcopy(model), x, training=True, memory=True, step=ALL)

    assert not traced.real_forward
    assert max(traced.timeline.live_bytes) == allocations(lambda: step_of(model, x)).tensor_bytes


@pytest.mark.skipif(not is_checked(), reason=f"what the kernel keeps is that of {CHECKED}")
@pytest.mark.parametrize(
    ("into", "units", "options"),
    [
        (32, 16, {}),
        (100, 50, {"batch_first": True}),
        (64, 50, {"bias": False}),
        (1, 256, {}),
        (48, 64, {"num_layers": 2, "dropout": 0.2}),
        (40, 96, {"num_layers": 2, "bidirectional": True}),
    ],
)
def test_a_step_of_an_lstm_takes_what_the_allocator_is_asked_for(
    into: int, units: int, options: dict[str, Any]
) -> None:
    """To the byte, with what its kernel keeps for the backward pass and what either takes."""
    model, x = Results(nn.LSTM(into, units, **options)).train(), torch.rand(5, 9, into)
    traced = trace(copy.deepcopy(model), x, training=True, memory=True, step=ALL)

    assert not traced.real_forward
    assert max(traced.timeline.used_bytes) == allocations(lambda: step_of(model, x)).peak_bytes


@pytest.mark.skipif(not is_checked(), reason=f"what the kernel keeps is that of {CHECKED}")
@pytest.mark.parametrize("frozen", [False, True])
def test_an_lstm_in_evaluation_mode_keeps_as_much(frozen: bool) -> None:
    model, x = Results(nn.LSTM(16, 8)).requires_grad_(not frozen), torch.rand(5, 9, 16)
    whole = nn.Sequential(nn.Linear(16, 16), model).eval()
    traced = trace(copy.deepcopy(whole), x, training=None, memory=True, step=Trained())

    assert max(traced.timeline.used_bytes) == allocations(lambda: step_of(whole, x)).peak_bytes


def test_the_kernel_of_an_lstm_works_out_gradients_that_nobody_wants() -> None:
    """5 steps of 3 samples by 4 gates of 2 units from 4 numbers and 2 states, there and twice back.

    Step by step there is no gradient of the input, nor of the first states.
    """
    model, x = Results(nn.LSTM(4, 2, bias=False)), torch.rand(5, 3, 4)
    steps, kernel = (
        trace(model, x, training=True, memory=memory, step=ALL).step for memory in (False, True)
    )
    assert steps is not None
    assert kernel is not None
    forward = 15 * 8 * (4 + 2)

    assert kernel.macs == 3 * forward
    assert steps.macs == 3 * forward - 15 * 8 * 4 - 3 * 8 * 2
