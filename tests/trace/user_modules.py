"""Modules as users write them, each with an input and the MACs worked out by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Case = tuple[nn.Module, Tensor, int]


class SubConv(nn.Conv2d):
    """A convolution of another type."""


class Functional(nn.Module):
    """A convolution and a linear layer called as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 3, 3, 3))
        self.matrix = nn.Parameter(torch.randn(5, 6))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(F.conv2d(x, self.weight, padding=1))
        return F.linear(F.adaptive_avg_pool2d(y, 1).flatten(1), self.matrix)


class Parent(nn.Module):
    """Holds a convolution that may be somebody else's too."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class InPlaceResidual(nn.Module):
    """`x += y`, as torchvision's ResNets have it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(self.conv(x))
        y += x
        return y


class Cache(nn.Module):
    """Keeps its last output and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.calls = 0
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = self.conv(x)
        return self.last


def mixed_modes() -> nn.Module:
    """Batch norms in training and in evaluation, and dropout."""
    module = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
    )
    module.train()
    module[1].eval()
    return module


def cases() -> dict[str, Case]:
    """Fresh modules by name."""
    x = torch.randn(1, 3, 8, 8)
    shared = nn.Conv2d(3, 3, 3, padding=1)
    twice = nn.Conv2d(3, 3, 1)
    return {
        "subclass": (nn.Sequential(SubConv(3, 4, 3, padding=1)), x, 64 * 4 * 3 * 9),
        "functional": (Functional(), x, 64 * 6 * 3 * 9 + 6 * 5),
        "shared": (nn.Sequential(Parent(shared), Parent(shared)), x, 2 * 64 * 3 * 3 * 9),
        "called twice": (nn.Sequential(twice, twice), x, 2 * 64 * 3 * 3),
        "in place": (InPlaceResidual(), x, 64 * 3 * 3 * 9),
        "mixed modes": (mixed_modes(), x, 64 * (3 * 4 + 4 * 4)),
        "cache": (Cache(), x, 64 * 3 * 2),
        "grouped with bias": (
            nn.Conv2d(6, 4, 3, groups=2),
            torch.randn(2, 6, 8, 8),
            2 * 36 * 4 * 27,
        ),
    }
