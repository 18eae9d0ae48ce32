"""Layers that the CPU runs as one op in inference: their memory, to the byte."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.trace import trace
from shufflenet_flops.trace.workspace.cpu import CHECKED, is_checked
from tests.support.allocator import allocations


class Attends(nn.Module):
    def __init__(self, *, weighs: bool, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, **{"batch_first": True, **options})
        self.weighs = weighs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.attention(x, x, x, need_weights=self.weighs)[0]
        return y


def encoder(**options: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, **options)


class Decodes(nn.Module):
    """One layer whose second attention is to another tensor, with the length of both first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(64, 4, 128, batch_first=True)
        self.into = nn.Linear(32, 64)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(self.into(x), self.into(x[:, :7]))
        return y


MODELS = {
    "decoder": Decodes(),
    "attention": Attends(weighs=False),
    "with weights": Attends(weighs=True),
    "length first": Attends(weighs=False, batch_first=False),
    "without biases": Attends(weighs=False, bias=False),
    "encoder": encoder(),
    "norm first": encoder(norm_first=True, activation="gelu"),
    "two layers": nn.TransformerEncoder(encoder(), 2),
}


@pytest.mark.skipif(not is_checked(), reason=f"kernels are those of {CHECKED}")
@pytest.mark.parametrize("autocast", [None, "bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_they_take_what_the_allocator_is_asked_for(name: str, autocast: str | None) -> None:
    """Also those of which torch runs the parts: without biases, or with the length first."""
    model, x = MODELS[name].eval(), torch.rand(2, 9, 32)
    traced = trace(copy.deepcopy(model), x, memory=True, autocast=autocast)

    def run() -> Any:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast is not None):
            return model(x)

    assert max(traced.timeline.used_bytes) == allocations(run).peak_bytes


@pytest.mark.parametrize("name", MODELS)
def test_their_rows_are_those_of_their_parts(name: str) -> None:
    model, x = MODELS[name], torch.rand(2, 9, 32)

    assert trace(model, x, memory=True).table == trace(model, x).table


def test_a_class_of_ones_own_runs_as_it_is_written() -> None:
    class Own(nn.MultiheadAttention):
        pass

    x = torch.rand(2, 9, 32)
    own, torchs = (kind(32, 4, batch_first=True).eval() for kind in (Own, nn.MultiheadAttention))
    ops = [
        [moment.op for moment in trace(model, x, x, x, memory=True).timeline.moments]
        for model in (own, torchs)
    ]

    assert "scaled_dot_product_attention" not in ops[1]
    assert "bmm" in ops[1]
    assert ops[0] != ops[1]
