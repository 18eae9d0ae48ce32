"""Recurrent layers step by step: the numbers of torch's own, and its memory in a training step."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.trace import trace
from shufflenet_flops.trace.recurrent_steps import in_steps
from tests.support.allocator import allocations

KINDS: dict[str, type[nn.RNNBase]] = {"gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


class Results(nn.Module):
    def __init__(self, inner: nn.RNNBase) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)[0]
        return y


@pytest.mark.parametrize("function", KINDS)
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


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("gru", {}),
        ("gru", {"bias": False, "batch_first": True}),
        ("rnn_tanh", {}),
        ("rnn_relu", {"nonlinearity": "relu", "num_layers": 2, "dropout": 0.1}),
    ],
)
def test_a_step_keeps_what_the_allocator_is_asked_for(
    function: str, options: dict[str, Any]
) -> None:
    model, x = Results(KINDS[function](32, 16, **options)).train(), torch.rand(5, 9, 32)
    traced = trace(copy.deepcopy(model), x, training=True, memory=True, step=ALL)

    def step() -> Any:
        y = model(x)
        y.backward(torch.ones_like(y))
        return y

    assert not traced.real_forward
    assert max(traced.timeline.live_bytes) == allocations(step).tensor_bytes
