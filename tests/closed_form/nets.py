"""Small networks whose closed forms are worked out by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Strided(nn.Module):
    """A strided convolution, one that keeps the map, a pool that rounds up, a fully connected."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.body = nn.Conv2d(width, width, 3, 1, 1)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.last = nn.Conv2d(width, width, 1)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.pool(self.body(self.stem(x))))
        return self.head(x.mean((2, 3)))


class Attending(nn.Module):
    """One layer of attention of one head, 64 wide, over tokens of a vocabulary of 100."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 64)
        self.qkv = nn.Linear(64, 3 * 64, bias=False)
        self.out = nn.Linear(64, 64, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.qkv(self.embed(tokens)).chunk(3, -1)
        return self.out((q @ k.transpose(1, 2)).softmax(-1) @ v)


class Short(nn.Module):
    """Takes no more than 64 tokens: it adds their learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 8)
        self.positions = nn.Parameter(torch.zeros(64, 8))
        self.out = nn.Linear(8, 8)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.embed(tokens) + self.positions[: tokens.shape[1]])


class Halved(nn.Module):
    """Its skip fits only where 2 divides height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 3, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.interpolate(self.down(x), scale_factor=2)


class Guarded(nn.Module):
    """Control flow by a size: maps of an even width take another way."""

    def __init__(self) -> None:
        super().__init__()
        self.even = nn.Conv2d(4, 4, 1)
        self.odd = nn.Conv2d(4, 4, 3, 1, 1)
        self.down = nn.Conv2d(4, 4, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.odd(x) if x.shape[-1] % 2 else self.even(x))


class OneSize(nn.Module):
    """It flattens a map of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3 * 224 * 224, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


class Valued(nn.Module):
    """What it does goes by a value of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if x.sum() > 0 else x


def sorted_by_size(width: int = 8) -> nn.Module:
    """Refuses widths that 8 does not divide."""
    assert width % 8 == 0
    return nn.Conv2d(3, width, 1)
