"""Convolutions that counters were reported wrong on.

A convolution has outputs · (inputs / groups) · window · positions MACs: positions of its output, or
of its input where it is transposed.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cases.reports import Calls, Report, check, x


def conv(outputs: int, inputs: int, window: int, positions: int) -> int:
    return outputs * inputs * window * positions


class Padded(nn.Conv2d):
    """A convolution that pads for itself, as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride)


class Held(nn.Module):
    """A weight that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.weight = torch.ones(2, 4, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.conv(x), self.weight, padding=1)


class Residual(nn.Module):
    """Two convolutions and their input, which is added in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 10, 5, padding=2, bias=False), nn.BatchNorm2d(10)
        self.conv2, self.bn2 = nn.Conv2d(10, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y += x
        return y


def filters(parts: nn.ModuleList, x: Tensor) -> Tensor:
    """Filters that are made in the forward pass, and a batched product beside them."""
    y = F.conv1d(x, torch.ones(33, 16, 3))
    return torch.bmm(y, y.transpose(1, 2))


def three(window: int = 3) -> nn.Sequential:
    return nn.Sequential(*(nn.Conv2d(4, 4, window) for _ in range(3)))


def yolo(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y = parts[0](x.permute(0, 3, 1, 2))
    return y.permute(0, 2, 3, 1)


REPORTS: dict[str, Report] = {
    "Lyken17/pytorch-OpCounter 8: the stride is in the size of the output": Report(
        conv(4, 3, 9, 4 * 4), lambda: nn.Conv2d(3, 4, 3, stride=2), (x(1, 3, 9, 9),)
    ),
    "Lyken17/pytorch-OpCounter 20: a transposed convolution, huge": Report(
        conv(4, 3, 9, 5 * 5), lambda: nn.ConvTranspose2d(3, 4, 3, stride=2), (x(1, 3, 5, 5),)
    ),
    "Lyken17/pytorch-OpCounter 34: groups in the middle": Report(
        conv(8, 4, 1, 36) + conv(8, 2, 9, 16) + conv(4, 8, 1, 16),
        lambda: nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, groups=4), nn.Conv2d(8, 4, 1)),
        (x(1, 4, 6, 6),),
    ),
    "Lyken17/pytorch-OpCounter 41: depthwise": Report(
        conv(6, 1, 9, 16), lambda: nn.Conv2d(6, 6, 3, groups=6), (x(1, 6, 6, 6),)
    ),
    "Lyken17/pytorch-OpCounter 108: a convolution of the user's own type": Report(
        conv(4, 3, 4, 8 * 8), lambda: nn.Sequential(Padded(3, 4, 2)), (x(1, 3, 8, 8),)
    ),
    "Lyken17/pytorch-OpCounter 110: a weight that is no parameter": Report(
        conv(4, 4, 9, 64) + conv(2, 4, 9, 64), Held, (x(1, 4, 8, 8),), params=4 * 36 + 4
    ),
    "Lyken17/pytorch-OpCounter 119: the model is one layer": Report(
        conv(128, 128, 1, 16 * 16), lambda: nn.Conv2d(128, 128, 1), (x(1, 128, 16, 16),)
    ),
    "facebookresearch/fvcore 45: groups": Report(
        conv(4, 3, 9, 16), lambda: nn.Conv2d(6, 4, 3, groups=2), (x(1, 6, 6, 6),)
    ),
    "facebookresearch/fvcore 78: a transposed convolution of one position": Report(
        32 * 9, lambda: nn.ConvTranspose2d(32, 1, (3, 3)), (x(1, 32, 1, 1),)
    ),
    "facebookresearch/fvcore 80: a transposed convolution with a stride": Report(
        conv(6, 5, 9, 4 * 4),
        lambda: nn.ConvTranspose2d(5, 6, 3, stride=3, output_padding=1),
        (x(1, 5, 4, 4),),
    ),
    "sovrasov/flops-counter.pytorch 57: a transposed convolution in groups": Report(
        conv(6, 2, 9, 5 * 5), lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), (x(1, 4, 5, 5),)
    ),
    "sovrasov/flops-counter.pytorch 59: called as a function": Report(
        conv(4, 3, 9, 36),
        lambda: Calls(lambda parts, x: F.conv2d(x, parts[0].weight), nn.Conv2d(3, 4, 3)),
        (x(1, 3, 8, 8),),
    ),
    "sovrasov/flops-counter.pytorch 98: a stem that is called twice": Report(
        2 * conv(8, 3, 49, 8 * 8),
        lambda: Calls(
            lambda parts, x: parts[0](x) + parts[0](x), nn.Conv2d(3, 8, 7, stride=2, padding=3)
        ),
        (x(1, 3, 16, 16),),
    ),
    "sovrasov/flops-counter.pytorch 149: a window for each input": Report(
        3 * 1 * 4 * 4, lambda: nn.ConvTranspose2d(3, 1, 2, stride=2), (x(1, 3, 2, 2),), params=13
    ),
    "MrYxJ/calculate-flops.pytorch 22: a convolution after an upsampling": Report(
        conv(4, 3, 9, 64),
        lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 4, 3, padding=1)),
        (x(1, 3, 4, 4),),
    ),
    "MrYxJ/calculate-flops.pytorch 33: a quarter of a transposed convolution": Report(
        conv(3, 4, 16, 4 * 4),
        lambda: nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1),
        (x(1, 4, 4, 4),),
    ),
    "Swall0w/torchstat 16: transposed in one dimension": Report(
        conv(2, 4, 4, 6), lambda: nn.ConvTranspose1d(4, 2, 4, stride=2), (x(1, 4, 6),)
    ),
    "MegEngine/MegEngine 464: transposed in three dimensions": Report(
        conv(4, 3, 8, 27), lambda: nn.ConvTranspose3d(3, 4, 2, stride=2), (x(1, 3, 3, 3, 3),)
    ),
    "leoxiaobin/deep-high-resolution-net.pytorch 257: down, and up again": Report(
        conv(8, 3, 16, 4 * 4) + conv(3, 8, 16, 4 * 4),
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 4, stride=2, padding=1), nn.ConvTranspose2d(8, 3, 4, 2, 1)
        ),
        (x(1, 3, 8, 8),),
    ),
    "TylerYep/torchinfo 39: three in a row": Report(
        conv(4, 4, 9, 64 + 36 + 16), three, (x(1, 4, 10, 10),)
    ),
    "TylerYep/torchinfo 60: blocks in blocks in blocks": Report(
        conv(4, 4, 1, 3 * 25),
        lambda: nn.Sequential(nn.Sequential(nn.ModuleDict({"a": three(1)})["a"])),
        (x(1, 4, 5, 5),),
    ),
    "TylerYep/torchinfo 72: one layer with a bias": Report(
        conv(8, 3, 9, 49), lambda: nn.Sequential(nn.Conv2d(3, 8, 3)), (x(1, 3, 9, 9),)
    ),
    "zhijian-liu/torchprofile 11: a residual that is added in place": Report(
        conv(10, 1, 25, 784) + conv(10, 10, 9, 784), Residual, (x(1, 1, 28, 28),)
    ),
    "open-mmlab/mmcv 897: filters that the forward pass makes": Report(
        conv(33, 16, 3, 48) + 33 * 33 * 48,
        lambda: Calls(filters),
        (x(1, 16, 50),),
    ),
    "ThanatosShinji/onnx-tool 4: channels last": Report(
        conv(8, 3, 9, 16), lambda: Calls(yolo, nn.Conv2d(3, 8, 3)), (x(1, 6, 6, 3),)
    ),
    "ThanatosShinji/onnx-tool 60: a bias is no multiplication": Report(
        conv(8, 8, 9, 16), lambda: nn.Conv2d(8, 8, 3, bias=True), (x(1, 8, 6, 6),)
    ),
    "Lyken17/pytorch-OpCounter 212: without a batch": Report(
        conv(4, 3, 9, 36), lambda: nn.Sequential(nn.Conv2d(3, 4, 3)), (x(3, 8, 8),)
    ),
}


@pytest.mark.parametrize("source", REPORTS)
def test_report(source: str) -> None:
    check(REPORTS[source])
