"""Memory access is linear in the batch: what depends on it, plus the weights once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shufflenet_flops.trace import trace
from tests.support import torchvision_ops
from tests.trace.test_fast import TIMM

EVERY = 5  # of all of timm's models, by name: more than 200 families and sizes


def bytes_at(model: nn.Module, size: tuple[int, ...], batch: int) -> int:
    x = torch.empty(batch, *size, device="meta")
    return trace(model, x).table.memory_bytes


def check_linear(name: str) -> None:
    """From 2 on it grows by the same for each image, on what is read once, the weights at most.

    At batch 1 torch may take a layer and its bias in one op where it takes two from 2 on, as where
    axes that were changed are still contiguous: it moves no more then.
    """
    torchvision_ops.declare()
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    size = model.default_cfg["input_size"]
    one, two, five, eight = (bytes_at(model, size, batch) for batch in (1, 2, 5, 8))
    assert eight - five == five - two
    each, rest = divmod(five - two, 3)
    assert rest == 0
    assert one <= two - each
    weights = sum(p.numel() * p.element_size() for p in (*model.parameters(), *model.buffers()))
    recurrent = any(isinstance(part, nn.RNNBase) for part in model.modules())
    assert two - 2 * each > 0
    assert recurrent or two - 2 * each <= 2 * weights  # which are read in every step


@pytest.mark.parametrize("name", TIMM[::4][:10])
def test_memory_access_is_linear_in_the_batch(name: str) -> None:
    check_linear(name)


def test_attention_reads_its_weights_once() -> None:
    """nn.MultiheadAttention(768, 12) on 1, 2 and 8 sequences of 197 tokens, by hand.

    Bytes of floats: the product for queries, keys and values reads tokens, weight and bias and
    writes three times the tokens; attention reads these and writes tokens; the last layer reads
    tokens, weight and bias and writes tokens.
    """
    layer = nn.MultiheadAttention(768, 12, batch_first=True)

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x, x, x, need_weights=False)[0]
            return y

    def rows(batch: int) -> dict[str, int]:
        traced = trace(Own(), torch.empty(batch, 197, 768, device="meta"))
        return {
            f"{i} {row.op}": row.memory_bytes for i, row in enumerate(traced.table.rows) if row.macs
        }

    tokens, weight = 197 * 768, 768 * 768
    for batch in (1, 2, 8):
        n = batch * tokens
        projected, attended, merged = rows(batch).values()
        bias = 3 * 768 if batch == 1 else 0  # a row of its own where axes are no longer in order
        assert projected == 4 * (n + 3 * weight + bias + 3 * n)
        assert attended == 4 * (3 * n + n)
        assert merged == 4 * (n + weight + 768 + n)


@pytest.mark.slow
def test_memory_access_of_200_models_is_linear_in_the_batch() -> None:
    """Of all of timm, every so many by name."""
    torchvision_ops.declare()
    timm = pytest.importorskip("timm")
    names = timm.list_models()[::EVERY]
    assert len(names) >= 200
    wrong = []
    for name in names:
        try:
            check_linear(name)
        except AssertionError as error:
            wrong.append(f"{name}: {str(error).splitlines()[0]}")
    assert wrong == []
