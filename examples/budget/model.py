"""A team's own network: a small ShuffleNet for 32x32 images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels of every group to every group."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Unit(nn.Module):
    """1x1 in groups, shuffle, depthwise 3x3, 1x1 in groups, added to the input."""

    def __init__(self, channels: int, groups: int = 3) -> None:
        super().__init__()
        middle = channels // 4
        self.groups = groups
        self.squeeze = nn.Conv2d(channels, middle, 1, groups=groups, bias=False)
        self.depthwise = nn.Conv2d(middle, middle, 3, padding=1, groups=middle, bias=False)
        self.expand = nn.Conv2d(middle, channels, 1, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.squeeze(x))
        y = self.depthwise(shuffle(y, self.groups))
        return torch.relu(x + self.norm(self.expand(y)))


class Net(nn.Module):
    """Three units between a first convolution and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 48, 3, stride=2, padding=1)
        self.stage1 = nn.Sequential(Unit(48), Unit(48))
        self.down = nn.Conv2d(48, 96, 3, stride=2, padding=1)
        self.stage2 = nn.Sequential(Unit(96))
        self.classify = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage2(self.down(self.stage1(self.stem(x))))
        return self.classify(x.mean((2, 3)))


if __name__ == "__main__":
    print(Net()(torch.zeros(1, 3, 32, 32)).shape)
