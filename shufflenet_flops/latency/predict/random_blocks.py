"""The blocks that random networks are made of, each drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import exp, log
from typing import TypeVar

from shufflenet_flops.spec import (
    Activation,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    LayerNorm,
    MaxPool2d,
    Node,
    ToChannelsFirst,
    ToChannelsLast,
    seq,
)
from shufflenet_flops.spec.ops import ActivationName
from shufflenet_flops.zoo import (
    blocks,
    convnext,
    densenet,
    ghostnet,
    resnet,
    shufflenet_v1,
    shufflenet_v2,
)

T = TypeVar("T")

_ACTIVATIONS: tuple[ActivationName, ...] = ("relu", "relu6", "silu", "hardswish", "gelu")
_KERNELS = (3, 3, 3, 5, 5, 7, 9)


class Draw:
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
        unit = self.choice((16, 16, 8, 8, 8, 8, 4, 2, 1))
        unit = max(step, unit // step * step)
        return max(unit, round(about / unit) * unit)

    def activation(self) -> Activation:
        return Activation(self.choice(_ACTIVATIONS))

    def kernel(self) -> int:
        return self.choice(_KERNELS)


Block = tuple[Node, int]


def _basic(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    return resnet.basic(c, c_out, stride, project=stride > 1 or c != c_out), c_out


def _bottleneck(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    groups = draw.choice((1, 1, 1, 1, 2, 4, 8, 16, 32, 64))
    size = draw.choice((4, 8, 8, 16, 16, 24, 32, 64))
    m = groups * size if groups > 1 else draw.width(c_out / draw.choice((1, 2, 4, 4)))
    se = c_out >= blocks.SE_REDUCTION and c_out % blocks.SE_REDUCTION == 0 and draw.of(3) == 0
    projected = stride > 1 or c != c_out
    return resnet.bottleneck(c, c_out, m, groups, stride, project=projected, se=se), c_out


def _inverted(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    hidden = draw.width(c * draw.choice((1, 2, 3, 4, 6, 6)))
    act = draw.activation()
    se = None
    if draw.of(2):
        reduced = max(1, draw.width(hidden / draw.choice((4, 8, 16, 24))))
        gates: tuple[ActivationName, ...] = ("sigmoid", "hardsigmoid")
        se = blocks.gated(
            hidden, reduced, act=draw.choice((act, Activation("relu"))), gate=draw.choice(gates)
        )
    keep = c if stride == 1 and draw.of(2) else c_out
    block = blocks.inverted_residual(c, hidden, keep, draw.kernel(), stride, act=act, se=se)
    return block, keep


def _separable(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    act = draw.activation()
    kernel = draw.kernel() if draw.of(6) else 1
    depthwise = blocks.conv_norm(c, c, kernel, stride, c, act=act if draw.of(2) else None)
    return seq(dw=depthwise, pw=blocks.conv_norm(c, c_out, act=act)), c_out


def _plain(draw: Draw, c: int, c_out: int, stride: int) -> Block:
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


def _pooled(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    kind = draw.choice((MaxPool2d, AvgPool2d))
    kernel = draw.choice((2, 3)) if stride == 2 else 3
    pool = kind(kernel, stride, 1 if kernel == 3 else 0)
    return seq(conv=blocks.conv_norm(c, c_out, draw.choice((1, 3))), pool=pool), c_out


def _shuffle(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    groups = draw.choice((1, 2, 3, 4, 8))
    step = 4 * groups
    c_in = -(-c // step) * step
    c_out = max(c_out, 2 * c_in) if stride == 2 else c_in
    c_out = -(-c_out // step) * step
    unit = shufflenet_v1.unit(c_in, c_out, groups, stride=stride)
    change = {"change": blocks.conv_norm(c, c_in)} if c != c_in else {}
    return seq(**change, unit=unit), c_out


def _split(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    if stride == 2:
        return shufflenet_v2.down_unit(c, c_out), c_out
    if c % 2:
        return _basic(draw, c, c_out, stride)
    return seq(*[shufflenet_v2.unit(c)] * (1 + draw.of(2))), c


def _dense(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    growth = draw.choice((8, 12, 16, 24, 32, 32, 48))
    number = 1 + draw.of(3)
    layers = [densenet.layer(c + i * growth, growth) for i in range(number)]
    c += number * growth
    if stride == 1:
        return seq(*layers), c
    down = seq(bn=BatchNorm(c), relu=Activation(), conv=Conv2d(c, c_out), pool=AvgPool2d(2, 2))
    return seq(*layers, down=down), c_out


def _concat(draw: Draw, c: int, c_out: int, stride: int) -> Block:
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


def _ghost(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    hidden = draw.width(c * draw.choice((1, 2, 3, 6)), 2)
    return ghostnet.bottleneck(c, hidden, c_out, draw.choice((3, 5)), stride, se=None), c_out


def _convnext(draw: Draw, c: int, c_out: int, stride: int) -> Block:
    if stride == 1:
        if draw.of(2):
            return convnext.block(c), c
        return seq(*[convnext.block(c)] * 2), c
    norm = seq(last=ToChannelsLast(), norm=LayerNorm(c), first=ToChannelsFirst())
    conv = Conv2d(c, c_out, 2, 2, (1, 1), bias=True)
    return seq(norm=norm, conv=conv), c_out


Blocks = tuple[Callable[[Draw, int, int, int], Block], ...]
BLOCKS: Blocks = (
    *(_basic, _bottleneck, _bottleneck, _inverted, _inverted, _inverted, _separable),
    *(_plain, _plain, _pooled, _shuffle, _split, _dense, _concat, _ghost, _convnext),
)
# What one network is made of: mobile, residual, or anything.
STYLES: tuple[Blocks, ...] = (
    (_inverted, _inverted, _inverted, _separable, _ghost),
    (_separable, _split, _shuffle, _inverted),
    (_basic, _bottleneck, _bottleneck),
    (_plain, _pooled, _dense, _concat, _basic),
    (_convnext,),
    BLOCKS,
)
