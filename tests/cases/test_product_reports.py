"""Matrix products that counters were reported wrong on: rows · columns · what is summed over."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cases.reports import Calls, Report, check, x


class Baddbmm(nn.Module):
    """Attention's scores as old models write them."""

    def forward(self, q: Tensor, k: Tensor) -> Tensor:
        return torch.baddbmm(torch.ones(2, 5, 5), q, k.transpose(1, 2), beta=0, alpha=0.5)


def every_way(parts: nn.ModuleList, a: Tensor, b: Tensor) -> Tensor:
    """Six ways to write one product of 5 x 8 and 8 x 6."""
    y = torch.matmul(a, b) + torch.mm(a, b) + a.matmul(b) + a @ b
    return y + torch.bmm(a[None], b[None])[0] + torch.addmm(y, a, b)


def area(parts: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Attention within 4 areas of 4 tokens each, two heads of 8."""
    y = parts[0](tokens).view(4, 4, 2, 16).transpose(1, 2)
    q, k, v = y.split([4, 4, 8], -1)
    return ((q @ k.transpose(-1, -2)).softmax(-1) @ v).transpose(1, 2).reshape(16, 16)


def dilated(parts: nn.ModuleList, image: Tensor) -> Tensor:
    """Each of 36 positions looks at the 9 around it, in channels of 4."""
    around = F.unfold(image, 3, padding=1).view(1, 4, 9, 36).permute(0, 3, 1, 2)
    q = image.flatten(2).transpose(1, 2)[:, :, None]
    return (q @ around).softmax(-1) @ around.transpose(2, 3)


class Continuous(nn.Module):
    """A recurrence written out: its state of 6 is multiplied at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.from_input, self.from_state = nn.Linear(3, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(6)
        for row in x:
            h = 0.9 * h + 0.1 * torch.sigmoid(self.from_input(row[None]) + self.from_state(h))
        return h


class Low(nn.Module):
    """Parameters of its own, multiplied by a sign."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(8, 2)), nn.Parameter(torch.ones(2, 8))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.a @ self.b


def network_in_network(parts: nn.ModuleList, image: Tensor) -> Tensor:
    weight: Tensor = parts[0].weight
    return torch.einsum("bchw,oc->bohw", image, weight)


REPORTS: dict[str, Report] = {
    "sovrasov/flops-counter.pytorch 28: a layer on tokens": Report(
        2 * 5 * 8 * 4, lambda: nn.Sequential(nn.Linear(8, 4)), (x(2, 5, 8),)
    ),
    "sovrasov/flops-counter.pytorch 105: an einsum for a 1x1 convolution": Report(
        3 * 4 * 25,
        lambda: Calls(network_in_network, nn.Linear(3, 4, bias=False)),
        (x(1, 3, 5, 5),),
    ),
    "TylerYep/torchinfo 14: what is it for a linear mapping?": Report(
        1024 * 512, lambda: nn.Sequential(nn.Linear(1024, 512)), (x(1, 1024),), params=524_800
    ),
    "TylerYep/torchinfo 77: all axes but the last are rows": Report(
        5 * 10 * 10 * 3 * 8, lambda: nn.Sequential(nn.Linear(3, 8)), (x(5, 10, 10, 3),)
    ),
    "TylerYep/torchinfo 126: products that no module makes": Report(
        2 * 5 * 5 * 8,
        lambda: Calls(lambda parts, x: torch.mul(torch.matmul(x, x.transpose(1, 2)), 2)),
        (x(2, 5, 8),),
    ),
    "frgfm/torch-scan 50: a layer on one row": Report(
        10 * 5, lambda: nn.Sequential(nn.Linear(10, 5)), (x(1, 10),), params=55
    ),
    "frgfm/torch-scan 52: a layer in higher dimensions": Report(
        2 * 3 * 4 * 10 * 5, lambda: nn.Sequential(nn.Linear(10, 5)), (x(2, 3, 4, 10),)
    ),
    "facebookresearch/fvcore 49: batches of products": Report(
        4 * 5 * 6 * 7, lambda: Calls(lambda parts, a, b: torch.bmm(a, b)), (x(4, 5, 6), x(4, 6, 7))
    ),
    "facebookresearch/fvcore 102: a bias is no multiplication": Report(
        3 * 8 * 4, lambda: nn.Sequential(nn.Linear(8, 4, bias=True)), (x(3, 8),)
    ),
    "facebookresearch/fvcore 143: a recurrence of simple ops": Report(
        20 * (3 * 6 + 6 * 6), Continuous, (x(20, 3),)
    ),
    "deepspeedai/DeepSpeed 1467: every way to write it": Report(
        6 * 5 * 8 * 6, lambda: Calls(every_way), (x(5, 8), x(8, 6))
    ),
    "deepspeedai/DeepSpeed 3087: an addition by its sign": Report(
        8 * 8, lambda: Calls(lambda parts, x: parts[0](x) + x, nn.Linear(8, 8)), (x(1, 8),)
    ),
    "zhijian-liu/torchprofile 17: einsum of matrices": Report(
        3 * 4 * 5,
        lambda: Calls(lambda parts, a, b: torch.einsum("ik,kj->ij", a, b)),
        (x(3, 4), x(4, 5)),
    ),
    "zhijian-liu/torchprofile 17: einsum over the last axis of many": Report(
        2 * 2 * 3 * 2 * 2 * 5,
        lambda: Calls(lambda parts, a: torch.einsum("bnchwk,bnchwk->bnchw", a, a)),
        (x(2, 2, 3, 2, 2, 5),),
    ),
    "Deeplite/deeplite-profiler 38: baddbmm": Report(
        2 * 5 * 5 * 8, Baddbmm, (x(2, 5, 8), x(2, 5, 8))
    ),
    "ultralytics/ultralytics 25545: attention within areas": Report(
        # The projection to 32, then 4 areas of two heads: 16 pairs of 4 + 8.
        16 * 16 * 32 + 4 * 2 * 16 * (4 + 8),
        lambda: Calls(area, nn.Linear(16, 32)),
        (x(16, 16),),
    ),
    "JIAOJIAYUASD/dilateformer 14: products with what unfold gives": Report(
        2 * 36 * 9 * 4, lambda: Calls(dilated), (x(1, 4, 6, 6),)
    ),
    "open-mmlab/mmcv 2196: a product and an interpolation": Report(
        4 * 4 * 8,
        lambda: Calls(
            lambda parts, x: F.interpolate(torch.matmul(x, x.transpose(1, 2)), scale_factor=2)
        ),
        (x(1, 4, 8),),
    ),
    "Lyken17/pytorch-OpCounter 128: what is treated as zero": Report(
        3 * (8 * 16 + 16 * 8),
        lambda: nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 8)),
        (x(1, 3, 8),),
    ),
    "Lyken17/pytorch-OpCounter 165: sampling has no products": Report(
        0,
        lambda: Calls(lambda parts, x, grid: F.grid_sample(x, grid, align_corners=True)),
        (x(1, 4, 3, 3), x(1, 3, 3, 2)),
    ),
    "Lyken17/pytorch-OpCounter 197: parameters that are in no layer": Report(
        5 * 8 * 2 * 2, Low, (x(5, 8),), params=32
    ),
    "Lyken17/pytorch-OpCounter 212: a layer on one vector": Report(
        8 * 4, lambda: nn.Sequential(nn.Linear(8, 4)), (x(8),)
    ),
}


@pytest.mark.parametrize("source", REPORTS)
def test_report(source: str) -> None:
    check(REPORTS[source])
