"""ShuffleNet V1 1x, g=3, as many write it: activations and pools called as functions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Unit(nn.Module):
    """Figure 2 (b) and (c) of the paper."""

    def __init__(self, c_in: int, c_out: int, groups: int, first_groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.down = c_in != c_out
        m, emitted = c_out // 4, c_out - c_in if self.down else c_out
        self.pw1 = nn.Conv2d(c_in, m, 1, groups=first_groups, bias=False)
        self.bn1 = nn.BatchNorm2d(m)
        self.dw = nn.Conv2d(m, m, 3, 2 if self.down else 1, 1, groups=m, bias=False)
        self.bn2 = nn.BatchNorm2d(m)
        self.pw2 = nn.Conv2d(m, emitted, 1, groups=groups, bias=False)
        self.bn3 = nn.BatchNorm2d(emitted)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.pw1(x)))
        n, c, h, w = y.shape
        y = y.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)
        y = self.bn3(self.pw2(self.bn2(self.dw(y))))
        if self.down:
            return F.relu(torch.cat([F.avg_pool2d(x, 3, 2, 1), y], 1))
        return F.relu(x + y)


class FunctionalShuffleNet(nn.Module):
    """Table 1 with three groups."""

    def __init__(self, groups: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        units = []
        c_in = 24
        for c_out, repeat in ((240, 4), (480, 8), (960, 4)):
            for _ in range(repeat):
                units.append(Unit(c_in, c_out, groups, 1 if c_in == 24 else groups))
                c_in = c_out
        self.units = nn.Sequential(*units)
        self.fc = nn.Linear(c_in, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.units(x).mean((2, 3)))
