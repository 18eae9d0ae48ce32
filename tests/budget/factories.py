"""Models of a user's that go wrong, each in its own way, and one that does not."""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn


def fine(width: int = 8, groups: int = 1) -> nn.Module:
    """A convolution and a classifier."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 1, groups=groups), nn.Flatten()
    )


def crashes() -> nn.Module:
    """Raises what no library raises."""
    raise ZeroDivisionError("\x1b[31mfirst\nsecond")


def exits() -> nn.Module:
    """Ends the process, if it is let."""
    sys.exit(0)


def gives_nothing() -> None:
    """Forgets to return."""


class FailsInForward(nn.Module):
    """Takes no image of three channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(7, 11)


class Unknown(nn.Module):
    """Does something that has no rule."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.inv(self.conv(x)[..., :6, :6])
