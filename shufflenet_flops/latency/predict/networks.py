"""Random networks to calibrate an engine on: made of common blocks, none of them published."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.predict.random_blocks import BLOCKS, STYLES, Draw
from shufflenet_flops.spec import (
    Activation,
    Add,
    Attention,
    ClassToken,
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
    ToChannelsFirst,
    ToChannelsLast,
    Tokens,
    output_shape,
    seq,
)
from shufflenet_flops.zoo import blocks, vit

_MOST_MACS = 3e9  # of a network, so that hundreds can be timed in minutes
_MOST_BYTES = 1e9  # of its memory access
_MOST_PARAMS = 4e7
_LEAST_MACS = 3e6  # below which a call is mostly what it costs to make one


@dataclass(frozen=True)
class RandomNetwork:
    """The network of a number: always the same one. `input` is a shape, batch first."""

    number: int
    spec: Node
    input: tuple[int, ...]


def random_network(number: int) -> RandomNetwork:
    """Draw the network of this `number`: a whole one from an image on, or a piece of one."""
    for attempt in range(1000):
        draw = Draw(random.Random(f"{number} {attempt}"))
        network = _transformer(draw) if draw.of(8) == 0 else _convolutional(draw)
        table = layer_table(*network)
        fits = table.memory_bytes < _MOST_BYTES and table.params < _MOST_PARAMS
        if fits and _LEAST_MACS < table.macs < _MOST_MACS:
            return RandomNetwork(number, *network)
    raise AssertionError("a thousand networks are too large or too small")


def _convolutional(draw: Draw) -> tuple[Node, tuple[int, ...]]:
    return _from_an_image(draw) if draw.of(3) else _from_the_middle(draw)


def _from_an_image(draw: Draw) -> tuple[Node, tuple[int, ...]]:
    """Stages of blocks of one style, each stage on a smaller map and wider than the one before."""
    size = round(draw.between(80, 320))
    factor = draw.between(0.12, 2.5)
    c, start, stem = _stem(draw, factor)
    parts, h = [stem], -(-size // start)
    style = draw.choice(STYLES)
    for stage in range(3 + draw.of(3)):
        c_out = draw.width(min(c * draw.between(1.1, 2.2), 1500), 2)
        for i in range(1 + draw.of(3)):
            down = i == 0 and h >= 8 and (stage > 0 or draw.of(2) == 0)
            block, c = draw.choice(style)(draw, c, c_out, 2 if down else 1)
            parts.append(block)
            h = -(-h // 2) if down else h
    shape = (_batch(draw), 3, size, size)
    if draw.of(2):
        parts.append(_head(draw, parts, shape))
    return seq(*parts), shape


def _from_the_middle(draw: Draw) -> tuple[Node, tuple[int, ...]]:
    """Blocks of any kind on a map as networks have it further on."""
    h = draw.choice((7, 7, 8, 10, 12, 14, 14, 16, 20, 28, 28, 40, 56))
    c = draw.width(draw.between(0.12, 4) * 2400 / h, 2)
    parts, shape = [], (_batch(draw), c, h, h)
    for _ in range(2 + draw.of(7)):
        down = h >= 8 and draw.of(3) == 0
        c_out = draw.width(min(c * draw.choice((1.0, 1.0, 1.3, 2.0)), 2500), 2)
        block, c = draw.choice(BLOCKS)(draw, c, c_out, 2 if down else 1)
        parts.append(block)
        h = -(-h // 2) if down else h
    if draw.of(2):
        parts.append(_head(draw, parts, shape))
    return seq(*parts), shape


def _batch(draw: Draw) -> int:
    return draw.choice((*[1] * 13, 2, 4, 8))


def _stem(draw: Draw, factor: float) -> tuple[int, int, Node]:
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


def _head(draw: Draw, parts: Sequence[Node], shape: tuple[int, ...]) -> Node:
    """What makes scores of the map that `parts` make of an input of this shape."""
    _, c, h, w = output_shape(seq(*parts), shape)
    classes = draw.choice((10, 100, 365, 1000, 1000))
    if draw.of(6) == 0:  # of all of the map, as in VGG, or as a convolution
        wide = draw.width(draw.between(256, 4096))
        if draw.of(2):
            conv = Conv2d(c, wide, (h, w), bias=True)
            return seq(conv=conv, act=Activation(), flatten=Flatten(), fc=Linear(wide, classes))
        first = Linear(c * h * w, wide)
        return seq(flatten=Flatten(), fc1=first, act=Activation(), fc2=Linear(wide, classes))
    wide = draw.width(c * draw.between(1, 3))
    last = {"conv": blocks.conv_norm(c, wide, act=draw.activation())} if draw.of(2) else {}
    features = wide if last else c
    return seq(**last, pool=GlobalAvgPool(), flatten=Flatten(), fc=Linear(features, classes))


def _transformer(draw: Draw) -> tuple[Node, tuple[int, ...]]:
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


def _layer(draw: Draw, c: int, heads: int) -> Node:
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
