"""Build the `nn.Module` that a spec describes; module paths are the paths of the walk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial, singledispatch

import torch
from torch import Tensor, nn

from shufflenet_flops import spec
from shufflenet_flops.spec import Number, tree
from shufflenet_flops.spec.numbers import whole
from shufflenet_flops.spec.ops import Size2, pair
from shufflenet_flops.spec.window_ops import Move
from shufflenet_flops.window_modules import MERGES, Merge, View, window_module

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "gelu": nn.GELU,
}


class ChannelShuffle(nn.Module):
    """`(n, c, h, w)`: reshape channels to (groups, c/groups), transpose, flatten."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).flatten(1, 2)


def _channels(x: Tensor, start: int, stop: int) -> Tensor:
    return x[:, start:stop]  # not `torch.narrow`, which ncnn does not have


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


_VIEWS: dict[type[spec.Node], Callable[[Tensor], Tensor]] = {
    spec.ToChannelsLast: partial(torch.permute, dims=(0, 2, 3, 1)),
    spec.ToChannelsFirst: partial(torch.permute, dims=(0, 3, 1, 2)),
    spec.Tokens: _tokens,
    spec.FirstToken: partial(torch.select, dim=1, index=0),
}


class ZeroPadShortcut(nn.Module):
    """Every `stride`-th position, channels padded with zeros up to `c_out`."""

    def __init__(self, c_out: int, stride: int) -> None:
        super().__init__()
        self.c_out = c_out
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(kept, (0, 0, 0, 0, 0, self.c_out - x.shape[1]))


class LayerScale(nn.Module):
    """Each channel times its own weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class ClassToken(nn.Module):
    """A learned token before all others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)


class PositionEmbedding(nn.Module):
    """A learned vector for each token."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, tokens, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.positions


class Attention(nn.Module):
    """Attention of queries, keys and values, which are side by side: `(n, t, 3*c)`."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        size = width // 3 // self.heads
        queries, keys, values = x.view(n, t, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(queries, keys, values)
        return attended.transpose(1, 2).reshape(n, t, self.heads * size)


class _Joined(nn.Module, ABC):
    """Branches over one input, merged, then `after` in sequence."""

    def __init__(self, node: tree.Join) -> None:
        super().__init__()
        self._branches = [name for name, _ in node.branches]
        self._after = [name for name, _ in node.after]
        for name, child in node.branches + node.after:
            self.add_module(name, build(child))

    def forward(self, x: Tensor) -> Tensor:
        children = dict(self.named_children())
        y = self.merge([children[name](x) for name in self._branches])
        for name in self._after:
            y = children[name](y)
        return y

    @abstractmethod
    def merge(self, outputs: list[Tensor]) -> Tensor:
        """One tensor of the branches' outputs."""


class Add(_Joined):
    """The sum of two branches."""

    def merge(self, outputs: list[Tensor]) -> Tensor:
        first, second = outputs
        return first + second


class Concat(_Joined):
    """The branches' channels side by side."""

    def merge(self, outputs: list[Tensor]) -> Tensor:
        return torch.cat(outputs, dim=1)


class Scale(_Joined):
    """The first branch times the second, a gate per channel."""

    def merge(self, outputs: list[Tensor]) -> Tensor:
        x, gate = outputs
        return x * (gate if gate.dim() == 4 else gate[:, :, None, None])


class Merged(_Joined):
    """Two branches' outputs, merged by a function."""

    def __init__(self, node: tree.Join, merging: Merge) -> None:
        super().__init__(node)
        self.merging = merging

    def merge(self, outputs: list[Tensor]) -> Tensor:
        return self.merging(*outputs)


def _sizes(size: Number | Size2) -> tuple[int, int]:
    height, width = pair(size)
    return whole(height), whole(width)


@singledispatch
def build(node: spec.Node) -> nn.Module:
    """A module with `node`'s structure and torch's default initialisation.

    It is made on torch's default device: under `with torch.device("meta")` nothing is allocated.
    """
    raise TypeError(f"no module is known for {type(node).__name__}")


@build.register
def _(node: tree.Seq) -> nn.Module:
    sequential = nn.Sequential()
    for name, child in node.children:
        sequential.add_module(name, build(child))
    return sequential


build.register(tree.Add, Add)
build.register(tree.Concat, Concat)
build.register(tree.Scale, Scale)
for _join, _merging in MERGES.items():
    build.register(_join, partial(Merged, merging=_merging))
build.register(Move, window_module)
build.register(spec.Identity, lambda node: nn.Identity())
build.register(spec.Flatten, lambda node: nn.Flatten())


@build.register
def _(node: spec.Conv2d) -> nn.Module:
    return nn.Conv2d(
        whole(node.c_in),
        whole(node.c_out),
        _sizes(node.kernel),
        _sizes(node.stride),
        _sizes(node.padding),
        _sizes(node.dilation),
        whole(node.groups),
        node.bias,
    )


@build.register
def _(node: spec.Linear) -> nn.Module:
    return nn.Linear(whole(node.features_in), whole(node.features_out), node.bias)


@build.register
def _(node: spec.BatchNorm) -> nn.Module:
    return nn.BatchNorm2d(whole(node.channels))


@build.register
def _(node: spec.Activation) -> nn.Module:
    return _ACTIVATIONS[node.function]()


@build.register
def _(node: spec.ops.Pool2d) -> nn.Module:
    pool = nn.MaxPool2d if isinstance(node, spec.MaxPool2d) else nn.AvgPool2d
    window = (_sizes(node.kernel), _sizes(node.stride), _sizes(node.padding))
    return pool(*window, ceil_mode=node.ceil_mode)


@build.register
def _(node: spec.GlobalAvgPool) -> nn.Module:
    return nn.AdaptiveAvgPool2d(1)


@build.register
def _(node: spec.AdaptiveAvgPool2d) -> nn.Module:
    return nn.AdaptiveAvgPool2d(_sizes(node.size))


@build.register
def _(node: spec.Dropout) -> nn.Module:
    return nn.Dropout(node.p)


@build.register
def _(node: spec.ChannelSlice) -> nn.Module:
    return View(partial(_channels, start=whole(node.start), stop=whole(node.stop)))


@build.register
def _(node: spec.ChannelShuffle) -> nn.Module:
    return ChannelShuffle(whole(node.groups))


@build.register
def _(node: spec.ZeroPadShortcut) -> nn.Module:
    return ZeroPadShortcut(whole(node.c_out), whole(node.stride))


@build.register
def _(node: spec.ops.Free) -> nn.Module:
    return View(_VIEWS[type(node)])


@build.register
def _(node: spec.LayerNorm) -> nn.Module:
    return nn.LayerNorm(whole(node.channels))


@build.register
def _(node: spec.LayerScale) -> nn.Module:
    return LayerScale(whole(node.channels))


@build.register
def _(node: spec.ClassToken) -> nn.Module:
    return ClassToken(whole(node.channels))


@build.register
def _(node: spec.PositionEmbedding) -> nn.Module:
    return PositionEmbedding(whole(node.tokens), whole(node.channels))


@build.register
def _(node: spec.Attention) -> nn.Module:
    return Attention(whole(node.heads))
