"""Count a module of your own, layer by layer, without running a kernel or touching it."""

from __future__ import annotations

import torch
from torch import nn

from shufflenet_flops.trace import trace

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, stride=2, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, groups=16),
    nn.Conv2d(16, 32, 1),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(32, 10),
)

found = trace(model, torch.empty(1, 3, 64, 64))
for row in found.table.rows:
    print(f"{row.path:4} {row.kind:16} {row.macs:>9,} MACs {row.params:>6,} parameters")
print(f"{found.table.macs:,} MACs, {found.params:,} parameters, unknown: {dict(found.unknown_ops)}")
