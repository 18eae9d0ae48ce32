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


class Cached(Attending):
    """The same over tokens that come after those of which the keys and values are there."""

    def forward(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        q, k, v = self.qkv(self.embed(tokens)).chunk(3, -1)
        k, v = torch.cat([keys.squeeze(1), k], 1), torch.cat([values.squeeze(1), v], 1)
        return self.out((q @ k.transpose(1, 2)).softmax(-1) @ v)


class Projected(nn.Module):
    """One layer of 400 features for each token, 64 wide."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 64)
        self.out = nn.Linear(64, 400, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.embed(tokens))


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


class Large(nn.Module):
    """Control flow by a size: maps of more than 100 rows take another way."""

    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Conv2d(4, 4, 1)
        self.large = nn.Conv2d(4, 4, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.large(x) if x.shape[2] > 100 else self.small(x)


class Seventh(nn.Module):
    """Control flow by a size: widths that 7 divides take another way."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 4, 1)
        self.other = nn.Conv2d(4, 4, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[3] % 7 else self.one(x)


class OneSize(nn.Module):
    """It flattens a map of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3 * 224 * 224, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


class SizedByArgument(nn.Module):
    """Made for images of one size: tokens of 4x4, a learned position for each, and a mean."""

    def __init__(self, img_size: tuple[int, int] | int = 64) -> None:
        super().__init__()
        h, w = img_size if isinstance(img_size, tuple) else (img_size, img_size)
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.positions = nn.Parameter(torch.zeros(1, 8, h // 4, w // 4))
        self.head = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.patch(x) + self.positions).flatten(2).transpose(1, 2))


class SquareByArgument(SizedByArgument):
    """The same for squares alone, as its argument is one number."""

    def __init__(self, image_size: int = 64) -> None:
        super().__init__(image_size + 0)


class Windowed(nn.Module):
    """A layer on windows of 7x7, to which the map is padded; the map by itself where it is one."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 4, 4)
        self.out = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        n, c, h, w = x.shape
        if (h, w) == (7, 7):
            return self.out(x.permute(0, 2, 3, 1))
        x = F.pad(x, (0, -w % 7, 0, -h % 7))
        x = x.view(n, c, x.shape[2] // 7, 7, x.shape[3] // 7, 7)
        return self.out(x.permute(0, 2, 4, 3, 5, 1).reshape(-1, 49, c))


class Divisible(nn.Module):
    """It takes maps that its windows of 7x7 divide."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 4, 4)
        self.out = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        n, c, h, w = x.shape
        cut = x.view(n, c, h // 7, 7, w // 7, 7)
        return self.out(cut.permute(0, 2, 4, 3, 5, 1).reshape(-1, 49, c))


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


class Tiled(nn.Module):
    """Joins again what it split into tiles of 16 lines, of which a larger picture has more."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.conv(x).split(16, 2), 2)


def stacked(width: int = 8, depth: int = 2) -> nn.Module:
    """A stem, `depth` layers of one width, and a head."""
    layers = [nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(depth)]
    return nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), *layers)
