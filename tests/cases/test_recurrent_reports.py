"""Recurrent layers that counters were reported wrong on.

Every gate multiplies the inputs and the state at each step: steps · gates · hidden · (inputs +
hidden), for each sequence, layer and direction.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from tests.cases.reports import Calls, Report, check, x

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def layer(kind: str, steps: int, inputs: int, hidden: int) -> int:
    return steps * GATES[kind] * hidden * (inputs + hidden)


class Words(nn.Module):
    """Words, two recurrent layers, and a layer back to the words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.encoder = nn.LSTM(6, 8, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(8, 20)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.decoder(self.encoder(self.embedding(words))[0])
        return y


def wrapped(kind: type[nn.RNNBase], *sizes: int, **options: Any) -> nn.Module:
    """Within a model, as some counters do not look at the model itself."""
    return Calls(lambda parts, x: parts[0](x)[0], kind(*sizes, **options))


def words(steps: int) -> Report:
    macs = layer("LSTM", steps, 6, 8) + layer("LSTM", steps, 8, 8) + steps * 8 * 20
    return Report(macs, Words, (torch.ones(1, steps, dtype=torch.long),))


REPORTS: dict[str, Report] = {
    "TylerYep/torchinfo 32: ten steps": words(10),
    "TylerYep/torchinfo 32: a hundred": words(100),
    "zhijian-liu/torchprofile 4: an LSTM both ways": Report(
        2 * layer("LSTM", 7 * 3, 10, 6),
        lambda: wrapped(nn.LSTM, 10, 6, bidirectional=True),
        (x(7, 3, 10),),
    ),
    "ThanatosShinji/onnx-tool 64: an LSTM of a hundred steps": Report(
        100 * 4 * 64 * 128,
        lambda: wrapped(nn.LSTM, 64, 64, batch_first=True),
        (x(1, 100, 64),),
        params=33_280,
    ),
    "ThanatosShinji/onnx-tool 64: a GRU of a hundred steps": Report(
        100 * 3 * 64 * 128,
        lambda: wrapped(nn.GRU, 64, 64, batch_first=True),
        (x(1, 100, 64),),
        params=24_960,
    ),
    "sovrasov/flops-counter.pytorch 38: a plain one of two layers": Report(
        layer("RNN", 15, 4, 6) + layer("RNN", 15, 6, 6),
        lambda: wrapped(nn.RNN, 4, 6, 2),
        (x(5, 3, 4),),
    ),
    "ultralytics/thop 160: a projected state": Report(
        # The state of 3 is what the gates of 6 multiply, and 6 are multiplied down to it.
        21 * (4 * 6 * (10 + 3) + 6 * 3),
        lambda: wrapped(nn.LSTM, 10, 6, proj_size=3),
        (x(7, 3, 10),),
    ),
}


@pytest.mark.parametrize("source", REPORTS)
def test_report(source: str) -> None:
    check(REPORTS[source])


# Sequences of different lengths: padding is what packing leaves out.
PACKED = {
    "deepspeedai/DeepSpeed 1268: 4, 3 and 2 steps": (4, 3, 2),
    "deepspeedai/DeepSpeed 8507: 5, 3, 2 and 1": (5, 3, 2, 1),
    "ultralytics/thop 160: 7, 3 and 1": (7, 3, 1),
}
CANNOT_UNPACK = frozenset("fvcore ptflops ptflops-modules torchinfo torchprofile".split())


@pytest.mark.parametrize("source", PACKED)
@pytest.mark.parametrize("kind", GATES)
def test_packed_sequences_have_their_own_lengths(source: str, kind: str) -> None:
    lengths = PACKED[source]
    packed = pack_sequence([torch.ones(length, 10) for length in lengths])
    macs = layer(kind, sum(lengths), 10, 6)

    check(Report(macs, lambda: wrapped(getattr(nn, kind), 10, 6), (packed,), None, CANNOT_UNPACK))


@pytest.mark.parametrize("kind", GATES)
def test_one_sequence(kind: str) -> None:
    """Lyken17/pytorch-OpCounter 212: inputs without an axis for the batch."""
    check(Report(layer(kind, 7, 10, 6), lambda: wrapped(getattr(nn, kind), 10, 6), (x(7, 10),)))
