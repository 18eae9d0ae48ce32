"""Modules that counters miscount, each with an input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Case = tuple[nn.Module, Tensor]


class SubConv(nn.Conv2d):
    """A convolution of another type."""


class Half(nn.Module):
    """One convolution as a module, one as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.kernel = nn.Parameter(torch.randn(4, 8, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.relu(self.conv(x)), self.kernel)


class Parent(nn.Module):
    """Holds a module that may be somebody else's too."""

    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def forward(self, x: Tensor) -> Tensor:
        return self.child(x)


class Twice(Parent):
    """Calls its child twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.child(self.child(x))


class KeywordPool(Parent):
    """A pool whose size is given by keyword."""

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(self.child(x), output_size=1)


class Joined(nn.Module):
    """A convolution and its input, joined by a function; a subclass names the function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.conv(x), x)

    def join(self, a: Tensor, b: Tensor) -> Tensor:
        raise NotImplementedError


class Plus(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class PlusInPlace(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        a += b
        return a


class AddFunction(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.add(a, b)


class AddMethod(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return a.add(b)


class AddMethodInPlace(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return a.add_(b)


class Sum(Joined):
    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return sum([a, b])  # type: ignore[return-value]


class Kept(Joined):
    """A function that was looked up before a counter could replace it."""

    joining = staticmethod(torch.add)

    def join(self, a: Tensor, b: Tensor) -> Tensor:
        return self.joining(a, b)


class SelfAttention(nn.Module):
    """Multi-head attention, with its weights asked for or not."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Attention(nn.Module):
    """Attention over tokens of 8 with values of another size, as three or four axes."""

    def __init__(self, values: int, axes: int) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, values)
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        q, v = self.first(x), self.second(x)
        if self.axes == 4:
            q, v = q[:, None], v[:, None]
        return F.scaled_dot_product_attention(q, q, v)


class Equation(nn.Module):
    """A product of 150 tokens with themselves by an einsum."""

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.equation = equation

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return torch.einsum(self.equation, y, y)


def _pairs() -> dict[str, Callable[[], Case]]:
    image, tokens = torch.randn(1, 3, 10, 10), torch.randn(1, 5, 8)
    many = torch.randn(1, 153, 8)
    line, volume = torch.randn(1, 3, 10), torch.randn(1, 3, 10, 10, 10)

    def conv() -> nn.Conv2d:
        return nn.Conv2d(3, 3, 3, padding=1)

    def shared() -> nn.Module:
        child = conv()
        return nn.Sequential(Parent(child), Parent(child))

    def twice() -> nn.Module:
        child = conv()
        return nn.Sequential(child, child)

    return {
        "subclass": lambda: (nn.Sequential(SubConv(3, 8, 3), nn.Conv2d(8, 4, 1)), image),
        "function": lambda: (Half(), image),
        "called twice": lambda: (Twice(conv()), image),
        "held twice by one parent": lambda: (twice(), image),
        "shared by two parents": lambda: (shared(), image),
        "grouped with bias": lambda: (
            nn.Sequential(nn.Conv2d(6, 4, 3, groups=2)),
            torch.randn(1, 6, 8, 8),
        ),
        "pool by keyword": lambda: (KeywordPool(conv()), image),
        "one layer": lambda: (conv(), image),
        **{
            kind.__name__: lambda kind=kind: (kind(), image)
            for kind in (
                Plus, PlusInPlace, AddFunction, AddMethod, AddMethodInPlace, Sum, Kept
            )
        },
        "activations": lambda: (
            nn.Sequential(
                conv(), nn.ReLU(), nn.ReLU6(), nn.PReLU(), nn.ELU(), nn.LeakyReLU(), nn.GELU(),
                nn.SiLU(), nn.Hardswish(), nn.Sigmoid(), nn.Softmax(1), nn.Mish(),
            ),
            image,
        ),
        "norms": lambda: (
            nn.Sequential(
                nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False),
                nn.GroupNorm(2, 4), nn.GroupNorm(2, 4, affine=False), nn.InstanceNorm2d(4),
                nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([4, 10, 10]),
                nn.LayerNorm([10], elementwise_affine=False), nn.LocalResponseNorm(2),
            ),
            image,
        ),
        "pools": lambda: (
            nn.Sequential(
                conv(), nn.MaxPool2d(2, 1), nn.AvgPool2d(2, 1), nn.AdaptiveAvgPool2d((7, 5)),
                nn.AdaptiveAvgPool2d(3), nn.AdaptiveMaxPool2d(2), nn.AdaptiveAvgPool2d(1),
            ),
            image,
        ),
        "one dimension": lambda: (
            nn.Sequential(
                nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.MaxPool1d(2, 1), nn.AvgPool1d(2, 1),
                nn.AdaptiveAvgPool1d(4), nn.AdaptiveMaxPool1d(3), nn.AdaptiveAvgPool1d(1),
            ),
            line,
        ),
        "three dimensions": lambda: (
            nn.Sequential(
                nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.MaxPool3d(2, 1), nn.AvgPool3d(2, 1),
                nn.AdaptiveAvgPool3d(3), nn.AdaptiveMaxPool3d(2), nn.AdaptiveAvgPool3d(1),
            ),
            volume,
        ),
        "transposed": lambda: (
            nn.Sequential(
                nn.ConvTranspose2d(3, 4, 3, 2),
                nn.ConvTranspose2d(4, 4, 3, 2, groups=2, bias=False),
                nn.ConvTranspose2d(4, 8, 3, groups=4),
            ),
            image,
        ),
        "interpolation": lambda: (
            nn.Sequential(
                conv(), nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear"),
                nn.UpsamplingBilinear2d(scale_factor=2),
                nn.Upsample(scale_factor=2, mode="bicubic"),
            ),
            image,
        ),
        "multi-head attention": lambda: (SelfAttention(), tokens),
        "multi-head attention without bias": lambda: (SelfAttention(bias=False), tokens),
        "encoder layer": lambda: (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), tokens),
        "attention": lambda: (Attention(8, 4), tokens),
        "attention with narrow values": lambda: (Attention(4, 4), tokens),
        "attention without heads": lambda: (Attention(8, 3), tokens),
        "einsum": lambda: (Equation("bnc,bmc->bnm"), many),
        "einsum of another form": lambda: (Equation("bnc,bmc->bmn"), many),
        "einsum without a sum": lambda: (Equation("bnc,bnc->bnc"), many),
        "linear on tokens": lambda: (
            nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2, bias=False)),
            tokens,
        ),
        "embedding": lambda: (
            nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 4)), torch.arange(5)[None]
        ),
    }  # fmt: skip


CASES = _pairs()
