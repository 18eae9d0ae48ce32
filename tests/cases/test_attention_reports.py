"""Attention that counters were reported wrong on.

With n queries of d elements in all heads and m keys there are 2 · n · m · d MACs for the scores and
the sums, and each projection of n tokens has n · d · d.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cases.reports import Calls, Report, check, x


def attention(queries: int, keys: int, width: int) -> int:
    return 2 * queries * keys * width


def projections(tokens: int, width: int, count: int = 4) -> int:
    return count * tokens * width * width


def fused(parts: nn.ModuleList, q: Tensor, *rest: Tensor) -> Tensor:
    k, v = rest or (q, q)
    return F.scaled_dot_product_attention(q, k, v)


def grouped(parts: nn.ModuleList, q: Tensor, k: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)


def heads(width: int, number: int, **options: bool) -> nn.Module:
    return Calls(
        lambda parts, x: parts[0](x, x, x, need_weights=False)[0],
        nn.MultiheadAttention(width, number, **options),
    )


def by_hand(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """As BERT writes it: linear layers, and two products by name."""
    q, k, v = (part(x).view(1, 6, 2, 4).transpose(1, 2) for part in parts)
    return torch.matmul(torch.matmul(q, k.transpose(-1, -2)).softmax(-1), v)


class Reduced(nn.Module):
    """PVT: 16 queries look at the 4 keys that a convolution of window and stride 2 leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv = nn.Linear(8, 8), nn.Linear(8, 16)
        self.reduce, self.norm = nn.Conv2d(8, 8, 2, stride=2), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        fewer = self.reduce(x.transpose(1, 2).reshape(1, 8, 4, 4)).flatten(2).transpose(1, 2)
        k, v = self.kv(self.norm(fewer)).chunk(2, -1)
        return (self.q(x) @ k.transpose(1, 2)).softmax(-1) @ v


class Depthwise(nn.Module):
    """CvT: queries of every position, keys and values of every second, by depthwise windows."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.kv = nn.Conv2d(4, 4, 3, padding=1, stride=2, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        q, kv = (part(x).flatten(2).transpose(1, 2)[:, None] for part in (self.q, self.kv))
        return F.scaled_dot_product_attention(q, kv, kv)


class Block(nn.Module):
    """A block of a vision transformer, with a projection of 4 patches of 4 x 4 before it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([self.token, self.patches(x).flatten(2).transpose(1, 2)], 1)
        z = self.norm1(y)
        y = y + self.attention(z, z, z, need_weights=False)[0]
        return y + self.mlp(self.norm2(y))


# 5 tokens of 8 and a hidden layer of 32, after 4 patches of 3 x 4 x 4.
BLOCK = 4 * 48 * 8 + projections(5, 8) + attention(5, 5, 8) + 2 * 5 * 8 * 32
ENCODER = projections(5, 8) + attention(5, 5, 8) + 2 * 5 * 8 * 16


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


def transformer() -> nn.Module:
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    return Calls(lambda parts, x: parts[0](x, x), model)


REFUSES_GROUPS = frozenset({"torchprofile"})
REPORTS: dict[str, Report] = {
    "pytorch/pytorch 195460: fused on the CPU, 12,582,912 FLOPs": Report(
        12_582_912 // 2, lambda: Calls(fused), (x(1, 12, 64, 64),)
    ),
    "pytorch/pytorch 177169: 8 heads of queries share 2 of keys": Report(
        attention(8 * 5, 7, 4),
        lambda: Calls(grouped),
        (x(1, 8, 5, 4), x(1, 2, 7, 4)),
        refused=REFUSES_GROUPS,
    ),
    "pytorch/pytorch 177188: all heads share one": Report(
        attention(2 * 4 * 3, 3, 8),
        lambda: Calls(grouped),
        (x(2, 4, 3, 8), x(2, 1, 3, 8)),
        refused=REFUSES_GROUPS,
    ),
    "pytorch/pytorch 95854: keys of another length": Report(
        attention(2 * 5, 9, 8), lambda: Calls(fused), (x(1, 2, 5, 8), x(1, 2, 9, 8), x(1, 2, 9, 8))
    ),
    "MzeroMiko/VMamba 296: scaled_dot_product_attention is not supported": Report(
        attention(4 * 6, 6, 8), lambda: Calls(fused), (x(1, 4, 6, 8),)
    ),
    "deepspeedai/DeepSpeed 4723: fused, and a product by its sign": Report(
        attention(2 * 5, 5, 8) + 2 * 5 * 5 * 8,
        lambda: Calls(lambda parts, x: fused(parts, x) @ x.transpose(2, 3)),
        (x(1, 2, 5, 8),),
    ),
    "MrYxJ/calculate-flops.pytorch 48: four times as much for twice as many tokens": Report(
        4 * attention(2 * 5, 5, 8), lambda: Calls(fused), (x(1, 2, 10, 8),)
    ),
    "zhijian-liu/torchprofile 23: fused, after its projections": Report(
        projections(5, 8, 1) + attention(5, 5, 8),
        lambda: Calls(
            lambda parts, x: fused(parts, parts[0](x).view(1, 5, 2, 4).transpose(1, 2)),
            nn.Linear(8, 8),
        ),
        (x(1, 5, 8),),
    ),
    "sovrasov/flops-counter.pytorch 65: multi-head attention, batch second": Report(
        projections(6, 16) + attention(6, 6, 16), lambda: heads(16, 4), (x(6, 1, 16),)
    ),
    "Lyken17/pytorch-OpCounter 197: multi-head attention of one head": Report(
        projections(10, 20) + attention(10, 10, 20),
        lambda: heads(20, 1, batch_first=True),
        (x(1, 10, 20),),
        params=4 * 20 * 20 + 4 * 20,
    ),
    "lartpang/MethodsCmp 1: multi-head attention without biases": Report(
        projections(5, 8) + attention(5, 5, 8),
        lambda: heads(8, 2, bias=False, batch_first=True),
        (x(1, 5, 8),),
    ),
    "autoliuweijie/FastBERT 14: scores and sums count too": Report(
        projections(6, 8, 3) + attention(6, 6, 8),
        lambda: Calls(by_hand, *(nn.Linear(8, 8) for _ in range(3))),
        (x(1, 6, 8),),
    ),
    "allenai/olmoearth_pretrain 605: an encoder layer's fast path": Report(
        ENCODER, encoder, (x(1, 5, 8),)
    ),
    "uzh-rpg/svit 5: an encoder of two layers": Report(
        2 * ENCODER,
        lambda: nn.TransformerEncoder(encoder(), 2, enable_nested_tensor=False),
        (x(1, 5, 8),),
    ),
    "sovrasov/flops-counter.pytorch 77: an encoder and a decoder": Report(
        # The decoder attends to its own 5 tokens and to those of the encoder.
        ENCODER + 2 * (projections(5, 8) + attention(5, 5, 8)) + 2 * 5 * 8 * 16,
        transformer,
        (x(1, 5, 8),),
    ),
    "Lyken17/pytorch-OpCounter 149: a batch of two through both": Report(
        2 * (ENCODER + 2 * (projections(5, 8) + attention(5, 5, 8)) + 2 * 5 * 8 * 16),
        transformer,
        (x(2, 5, 8),),
    ),
    "TylerYep/torchinfo 226: a vision transformer": Report(BLOCK, Block, (x(1, 3, 8, 8),)),
    "facebookresearch/fvcore 129: two of its blocks": Report(
        2 * BLOCK,
        lambda: Calls(lambda parts, x: parts[0](x) + parts[1](x), Block(), Block()),
        (x(1, 3, 8, 8),),
    ),
    "whai362/PVT 1: keys that a convolution has reduced": Report(
        projections(16, 8, 1) + 4 * (8 * 8 * 4) + 4 * 8 * 16 + attention(16, 4, 8),
        Reduced,
        (x(1, 16, 8),),
    ),
    "microsoft/CvT 1: keys of every second position": Report(
        4 * 9 * (16 + 4) + attention(16, 4, 4), Depthwise, (x(1, 4, 4, 4),)
    ),
}


@pytest.mark.parametrize("source", REPORTS)
def test_report(source: str) -> None:
    check(REPORTS[source])
