"""Random networks to calibrate an engine on: made of common blocks, none of them published."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TypeVar

from shufflenet_flops.counting import layer_table
from shufflenet_flops.spec import (
    Activation,
    Add,
    Attention,
    AvgPool2d,
    BatchNorm,
    ClassToken,
    Concat,
    Conv2d,
    FirstToken,
    Flatten,
    GlobalAvgPool,
    Identity,
    LayerNorm,
    Linear,
    MaxPool2d,
    Node,
    PositionEmbedding,
    Tokens,
    ToChannelsFirst,
    ToChannelsLast,
    seq,
)
from shufflenet_flops.spec.ops import ActivationName
from shufflenet_flops.zoo import blocks, convnext, densenet, ghostnet, resnet, shufflenet_v1
from shufflenet_flops.zoo import shufflenet_v2, vit

T = TypeVar("T")

_MOST_MACS = 3e9  # of a network, so that hundreds can be timed in minutes
_MOST_BYTES = 1e9  # of its memory access
_ACTIVATIONS: tuple[ActivationName, ...] = ("relu", "relu6", "silu", "hardswish", "gelu")
_KERNELS = (3, 3, 3, 5, 5, 7, 9)


@dataclass(frozen=True)
class RandomNetwork:
    """The network of a number: always the same one. `input` is a shape, batch first."""

    number: int
    spec: Node
    input: tuple[int, ...]


def random_network(number: int) -> RandomNetwork:
    """Draw the network of this `number`: a whole one from an image on, or a piece of one."""
    for attempt in range(1000):
        draw = _Draw(random.Random(f"{number} {attempt}"))
        network = _transformer(draw) if draw.of(8) == 0 else _convolutional(draw)
        table = layer_table(*network)
        if table.macs < _MOST_MACS and table.memory_bytes < _MOST_BYTES:
            return RandomNetwork(number, *network)
    raise AssertionError("no small network in a thousand")


class _Draw:
    """Random choices, each from what networks have."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def of(self, number: int) -> int:
        return self._source.randrange(number)

    def choice(self, items: Sequence[T]) -> T:
        return self._source.choice(items)

    def between(self, low: float, high: float) -> float:
        """A number whose logarithm is uniform."""
        return exp(self._source.uniform(log(low), log(high)))

    def width(self, about: float, step: int = 1) -> int:
        """Channels: mostly multiples of 16 or 8, as designers choose, else of `step` alone."""
        unit = self.choice((16, 16, 16, 8, 8, 4, 2, 1))
        unit = max(step, unit // step * step)
        return max(unit, round(about / unit) * unit)

    def activation(self) -> Activation:
        return Activation(self.choice(_ACTIVATIONS))

    def kernel(self) -> int:
        return self.choice(_KERNELS)


def _convolutional(draw: _Draw) -> tuple[Node, tuple[int, ...]]:
    """Blocks on maps, from an image or from the middle of a network."""
    factor = draw.between(0.12, 4)
    if draw.of(2):
        size = round(draw.between(64, 320))
        c, start, stem = _stem(draw, factor)
        parts, h = [stem], -(-size // start)
        shape = (1, 3, size, size)
    else:
        h = draw.choice((7, 7, 8, 10, 12, 14, 14, 16, 20, 28, 28, 40, 56))
        c = draw.width(factor * 2400 / h, 2)
        parts, shape = [], (1, c, h, h)
    for _ in range(2 + draw.of(7)):
        down = h >= 8 and draw.of(3) == 0
        wider = draw.choice((1.0, 1.0, 1.3, 2.0)) if not down else draw.choice((1.0, 1.5, 2.0))
        c_out = draw.width(min(c * wider, 2500), 2)
        block, c = draw.choice(_BLOCKS)(draw, c, c_out, 2 if down else 1)
        parts.append(block)
        h = -(-h // 2) if down else h
    if draw.of(2):
        parts.append(_head(draw, c))
    return seq(*parts), shape


def _stem(draw: _Draw, factor: float) -> tuple[int, int, Node]:
    """From an image: the channels, how much smaller the map gets, and the layers."""
    c = draw.width(48 * factor**0.7 + 8)
    act = draw.activation()
    match draw.of(4):
        case 0:
            pool = MaxPool2d(3, 2, 1)
            return c, 4, seq(conv=blocks.conv_norm(3, c, 7, 2, act=act), pool=pool)
        case 1:
            size = draw.choice((2, 4))
            norm = seq(last=ToChannelsLast(), norm=LayerNorm(c), first=ToChannelsFirst())
            return c, size, seq(conv=Conv2d(3, c, size, size, bias=True), norm=norm)
        case 2:
            pool = MaxPool2d(3, 2, 1)
            return c, 4, seq(conv=blocks.conv_norm(3, c, 3, 2, act=act), pool=pool)
    return c, 2, seq(conv=blocks.conv_norm(3, c, 3, 2, act=act))


def _head(draw: _Draw, c: int) -> Node:
    wide = draw.width(c * draw.between(1, 3))
    last = {"conv": blocks.conv_norm(c, wide, act=draw.activation())} if draw.of(2) else {}
    features = wide if last else c
    classes = draw.choice((10, 100, 365, 1000, 1000))
    return seq(**last, pool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(features, classes))


def _transformer(draw: _Draw) -> tuple[Node, tuple[int, ...]]:
    """Layers of attention on the patches of an image."""
    size, heads = draw.choice((16, 24, 32, 32, 40, 48, 64, 64)), 1 + draw.of(8)
    patch = draw.choice((8, 14, 16, 16, 32))
    side = draw.choice((4, 6, 7, 8, 10, 12, 14, 14, 16))
    c, tokens = size * heads, side * side
    token = draw.of(2)
    parts: dict[str, Node] = {
        "patches": Conv2d(3, c, patch, patch, bias=True),
        "tokens": Tokens(),
        **({"cls": ClassToken(c)} if token else {}),
        "positions": PositionEmbedding(tokens + token, c),
        "layers": seq(*[_layer(draw, c, heads) for _ in range(1 + draw.of(2))]),
        "norm": LayerNorm(c),
        **({"first": FirstToken(), "head": Linear(c, 1000)} if draw.of(2) else {}),
    }
    return seq(**parts), (1, 3, side * patch, side * patch)


def _layer(draw: _Draw, c: int, heads: int) -> Node:
    if draw.of(2):
        return vit.layer(c, heads)
    wide = draw.width(c * draw.choice((2, 3, 4)))
    attention = seq(
        norm=LayerNorm(c),
        qkv=Linear(c, 3 * c, bias=bool(draw.of(2))),
        attention=Attention(heads),
        project=Linear(c, c),
    )
    perceptron = seq(
        norm=LayerNorm(c), fc1=Linear(c, wide), act=draw.activation(), fc2=Linear(wide, c)
    )
    return seq(
        attention=Add((("branch", attention), ("shortcut", Identity()))),
        mlp=Add((("branch", perceptron), ("shortcut", Identity()))),
    )


Block = tuple[Node, int]


def _basic(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    return resnet.basic(c, c_out, stride, project=stride > 1 or c != c_out), c_out


def _bottleneck(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    groups = draw.choice((1, 1, 1, 2, 4, 8, 16, 32))
    size = draw.choice((4, 8, 8, 16, 16, 24, 32, 64))
    m = groups * size if groups > 1 else draw.width(c_out / draw.choice((1, 2, 4, 4)))
    se = c_out >= resnet.SE_REDUCTION and c_out % resnet.SE_REDUCTION == 0 and draw.of(3) == 0
    projected = stride > 1 or c != c_out
    return resnet.bottleneck(c, c_out, m, groups, stride, project=projected, se=se), c_out


def _inverted(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    hidden = draw.width(c * draw.choice((1, 2, 3, 4, 6, 6)))
    act = draw.activation()
    se = None
    if draw.of(2):
        reduced = max(1, draw.width(hidden / draw.choice((4, 8, 16, 24))))
        gate = draw.choice(("sigmoid", "hardsigmoid"))
        se = blocks.gated(hidden, reduced, act=draw.choice((act, Activation("relu"))), gate=gate)
    keep = c if stride == 1 and draw.of(2) else c_out
    block = blocks.inverted_residual(c, hidden, keep, draw.kernel(), stride, act=act, se=se)
    return block, keep


def _separable(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    act = draw.activation()
    depthwise = blocks.conv_norm(c, c, draw.kernel(), stride, c, act=act if draw.of(2) else None)
    return seq(dw=depthwise, pw=blocks.conv_norm(c, c_out, act=act)), c_out


def _plain(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    act = draw.activation() if draw.of(4) else None
    if stride == 1 and draw.of(3) == 0:
        size = draw.choice((3, 5, 7))
        row = Conv2d(c, c_out, (1, size), 1, (0, size // 2))
        column = Conv2d(c_out, c_out, (size, 1), 1, (size // 2, 0))
        return seq(row=row, bn1=BatchNorm(c_out), act=Activation(), column=column), c_out
    kernel = draw.choice((1, 1, 3, 3, 3, 5))
    if draw.of(3) == 0:  # without a norm, as in VGG
        conv = Conv2d(c, c_out, kernel, stride, kernel // 2, bias=True)
        return seq(conv=conv, **({"act": act} if act else {})), c_out
    return blocks.conv_norm(c, c_out, kernel, stride, act=act), c_out


def _pooled(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    kind = draw.choice((MaxPool2d, AvgPool2d))
    kernel = draw.choice((2, 3)) if stride == 2 else 3
    pool = kind(kernel, stride, 1 if kernel == 3 else 0)
    return seq(conv=blocks.conv_norm(c, c_out, draw.choice((1, 3))), pool=pool), c_out


def _shuffle(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    groups = draw.choice((1, 2, 3, 4, 8))
    step = 4 * groups
    c_in = -(-c // step) * step
    c_out = max(c_out, 2 * c_in) if stride == 2 else c_in
    c_out = -(-c_out // step) * step
    unit = shufflenet_v1.unit(c_in, c_out, groups, stride=stride)
    change = {"change": blocks.conv_norm(c, c_in)} if c != c_in else {}
    return seq(**change, unit=unit), c_out


def _split(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    if stride == 2:
        return shufflenet_v2.down_unit(c, c_out), c_out
    if c % 2:
        return _basic(draw, c, c_out, stride)
    return seq(*[shufflenet_v2.unit(c)] * (1 + draw.of(2))), c


def _dense(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    growth = draw.choice((8, 12, 16, 24, 32, 32, 48))
    number = 1 + draw.of(3)
    layers = [densenet.layer(c + i * growth, growth) for i in range(number)]
    c += number * growth
    if stride == 1:
        return seq(*layers), c
    down = seq(bn=BatchNorm(c), relu=Activation(), conv=Conv2d(c, c_out), pool=AvgPool2d(2, 2))
    return seq(*layers, down=down), c_out


def _concat(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    widths = [draw.width(max(8, c_out * part)) for part in (0.25, 0.35, 0.15, 0.25)]
    kernel = draw.choice((3, 5))
    branches: list[Node] = [
        blocks.conv_norm(c, widths[0], stride=stride),
        seq(
            reduce=blocks.conv_norm(c, widths[1]),
            conv=blocks.conv_norm(widths[1], widths[1], kernel, stride),
        ),
        seq(
            reduce=blocks.conv_norm(c, widths[2]),
            conv=blocks.conv_norm(widths[2], widths[2], 3, stride),
        ),
        seq(
            pool=draw.choice((MaxPool2d, AvgPool2d))(3, stride, 1),
            conv=blocks.conv_norm(c, widths[3]),
        ),
    ]
    number = 2 + draw.of(3)
    named = tuple((f"branch{i}", branch) for i, branch in enumerate(branches[:number], start=1))
    return Concat(named), sum(widths[:number])


def _ghost(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    hidden = draw.width(c * draw.choice((1, 2, 3, 6)), 2)
    return ghostnet.bottleneck(c, hidden, c_out, draw.choice((3, 5)), stride, se=None), c_out


def _convnext(draw: _Draw, c: int, c_out: int, stride: int) -> Block:
    if stride == 1:
        if draw.of(2):
            return convnext.block(c), c
        return seq(*[convnext.block(c)] * 2), c
    norm = seq(last=ToChannelsLast(), norm=LayerNorm(c), first=ToChannelsFirst())
    conv = Conv2d(c, c_out, 2, 2, (1, 1), bias=True)
    return seq(norm=norm, conv=conv), c_out


_BLOCKS: tuple[Callable[[_Draw, int, int, int], Block], ...] = (
    *(_basic, _bottleneck, _bottleneck, _inverted, _inverted, _inverted, _separable),
    *(_plain, _plain, _pooled, _shuffle, _split, _dense, _concat, _ghost, _convnext),
)
