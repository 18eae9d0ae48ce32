"""The `causal` convention: attention of s tokens over s·(s + 1)/2 of their s² pairs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.counting.causal import later_pairs
from tests.closed_form import nets

N, S, P = 2, 8, 5
WEIGHTS = 64 * 192 + 64 * 64
PAIR = 2 * 64  # MACs of a pair: its score, and the value that it brings


class InOne(nets.Attending):
    """The same attention in one op."""

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.qkv(self.embed(tokens)).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))


class InHeads(nets.Attending):
    """The same width in four heads, with a mask, as decoders write it out."""

    def forward(self, tokens: Tensor) -> Tensor:
        n, s = tokens.shape
        qkv = self.qkv(self.embed(tokens)).view(n, s, 3, 4, 16).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        scores = (q @ k.transpose(-2, -1)) / 4
        after = torch.ones(s, s, dtype=torch.bool).triu(1)
        y = scores.masked_fill(after, float("-inf")).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, s, 64))


class OfTorch(nn.Module):
    """`nn.MultiheadAttention`, which is asked for its weights or not."""

    def __init__(self, weights: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 64)
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.weights = weights

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        return self.attention(x, x, x, need_weights=self.weights)[0]


def tokens(s: int = S) -> Tensor:
    return torch.zeros(N, s, dtype=torch.int64)


@pytest.mark.parametrize(
    "module",
    [nets.Attending(), InOne(), InHeads(), OfTorch(True), OfTorch(False)],
    ids=["written out", "in one op", "in heads", "torch, with weights", "torch"],
)
def test_half_of_the_pairs_and_the_diagonal(module: nn.Module) -> None:
    full = sf.count(module, tokens())
    causal = sf.count(module, tokens(), convention="causal")

    assert full.total == full.macs == N * S * (WEIGHTS + PAIR * S)
    assert causal.total == N * (S * WEIGHTS + PAIR * S * (S + 1) // 2)
    assert causal.macs == full.macs  # what ran is what ran


@pytest.mark.parametrize("s", [1, S])
def test_tokens_of_a_cache_are_after_none(s: int) -> None:
    cache = torch.zeros(N, 1, P, 64)
    causal = sf.count(nets.Cached(), [tokens(s), cache, cache], convention="causal")

    assert causal.total == N * (s * WEIGHTS + PAIR * (s * P + s * (s + 1) // 2))


def test_a_softmax_by_itself_is_no_attention() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(2), nn.Softmax(-1), nn.Linear(36, 36))
    causal = sf.count(net, (1, 3, 8, 8), convention="causal")

    assert causal.total == causal.macs == 8 * 36 * (27 + 36)


def test_later_pairs() -> None:
    """By the mask itself."""
    for queries, keys in [(1, 1), (4, 4), (1, 9), (3, 7)]:
        after = torch.ones(queries, keys).triu(1 + keys - queries)
        assert later_pairs(queries, keys) == int(after.sum())
