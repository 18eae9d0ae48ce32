"""Hypothesis strategies for ops with an input they can take, and for the papers' units."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from shufflenet_flops.spec import (
    Activation,
    AdaptiveAvgPool2d,
    Attention,
    AvgPool2d,
    BatchNorm,
    ChannelShuffle,
    ChannelSlice,
    ClassToken,
    Conv2d,
    FirstToken,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    LayerScale,
    Linear,
    MaxPool2d,
    MergePatches,
    Node,
    PadToMultiple,
    PositionEmbedding,
    Shape,
    ToChannelsFirst,
    ToChannelsLast,
    Tokens,
    ZeroPadShortcut,
    seq,
)
from shufflenet_flops.zoo import Model, find
from shufflenet_flops.zoo.blocks import gated
from shufflenet_flops.zoo.swin import HEAD, attention

Case = tuple[Node, Shape]

sizes = st.integers(1, 17)
batches = st.integers(1, 3)


@st.composite
def convs(draw: st.DrawFn) -> Case:
    """A convolution of any stride, padding, dilation and number of groups."""
    groups = draw(st.integers(1, 4))
    c_in = groups * draw(st.integers(1, 4))
    c_out = groups * draw(st.integers(1, 4))
    kernel, stride, padding, dilation = (
        (draw(st.integers(low, high)), draw(st.integers(low, high)))
        for low, high in ((1, 4), (1, 3), (0, 2), (1, 2))
    )
    h, w = (
        draw(st.integers(max(1, dilate * (window - 1) + 1 - 2 * pad), 17))
        for window, pad, dilate in zip(kernel, padding, dilation, strict=True)
    )
    conv = Conv2d(c_in, c_out, kernel, stride, padding, dilation, groups, draw(st.booleans()))
    return conv, (draw(batches), c_in, h, w)


@st.composite
def linears(draw: st.DrawFn) -> Case:
    """A fully connected layer, with or without bias."""
    features = draw(sizes)
    return Linear(features, draw(sizes), draw(st.booleans())), (draw(batches), features)


@st.composite
def pools(draw: st.DrawFn) -> Case:
    """A max or average pool, rounding up or down."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    stride = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    h, w = (
        draw(st.integers(max(1, size - 2 * pad), 17))
        for size, pad in zip(kernel, padding, strict=True)
    )
    kind = draw(st.sampled_from([MaxPool2d, AvgPool2d]))
    return kind(kernel, stride, padding, draw(st.booleans())), (1, draw(sizes), h, w)


@st.composite
def plain_ops(draw: st.DrawFn) -> Case:
    """An op that keeps to one input: norm, activation, adaptive pool, shuffle, slice, padding."""
    groups = draw(st.integers(1, 4))
    c = groups * draw(st.integers(1, 4))
    start = draw(st.integers(0, c - 1))
    function = draw(st.sampled_from(["relu", "relu6", "sigmoid", "silu", "hardswish", "gelu"]))
    op = draw(
        st.sampled_from(
            [
                BatchNorm(c),
                Activation(function),
                GlobalAvgPool(),
                seq(pool=GlobalAvgPool(), flatten=Flatten()),
                AdaptiveAvgPool2d((draw(st.integers(1, 7)), draw(st.integers(1, 7)))),
                ChannelShuffle(groups),
                ChannelSlice(start, draw(st.integers(start + 1, c))),
                ZeroPadShortcut(c + draw(sizes), draw(st.integers(1, 2))),
            ]
        )
    )
    return op, (draw(batches), c, draw(sizes), draw(sizes))


@st.composite
def token_ops(draw: st.DrawFn) -> Case:
    """An op on tokens or on a map with its channels last, and gates of a map."""
    heads = draw(st.integers(1, 4))
    c = heads * draw(st.integers(1, 4))
    n, h, w = draw(batches), draw(sizes), draw(sizes)
    tokens, image = (n, h * w, c), (n, c, h, w)
    return draw(
        st.sampled_from(
            [
                (LayerNorm(c), tokens),
                (seq(last=ToChannelsLast(), norm=LayerNorm(c), first=ToChannelsFirst()), image),
                (LayerScale(c), tokens),
                (seq(tokens=Tokens(), cls=ClassToken(c), first=FirstToken()), image),
                (PositionEmbedding(h * w, c), tokens),
                (Linear(c, draw(sizes), draw(st.booleans())), tokens),
                (seq(last=ToChannelsLast(), fc=Linear(c, draw(sizes))), image),
                (seq(qkv=Linear(c, 3 * c), attention=Attention(heads)), tokens),
                (gated(c, draw(sizes)), image),
            ]
        )
    )


@st.composite
def window_ops(draw: st.DrawFn) -> Case:
    """Attention within windows, shifted or not, and the merging of patches, on any image."""
    c, window = HEAD * draw(st.integers(1, 2)), draw(st.integers(2, 6))
    shape = (draw(batches), c, draw(sizes), draw(sizes))
    within = attention(c, window, shifted=draw(st.booleans()))
    merging = seq(pad=PadToMultiple(2), patches=MergePatches())
    return seq(last=ToChannelsLast(), op=draw(st.sampled_from([within, merging]))), shape


ops = st.one_of(convs(), linears(), pools(), plain_ops(), token_ops(), window_ops())


@st.composite
def units(draw: st.DrawFn) -> Model:
    """Any of the three units with valid c, m, g, h, w and stride."""
    name = draw(st.sampled_from(["resnet", "resnext", "shufflenet"]))
    g = draw(st.integers(1, 5))
    c = 4 * g * draw(st.integers(1, 6))
    m = g * draw(st.integers(1, 8))
    stride = draw(st.integers(1, 2))
    h, w = draw(st.integers(2, 15)), draw(st.integers(2, 15))
    # The branch's (h + 1) // 2 and the average-pool shortcut agree for every size.
    assume(c * stride > c or stride == 1)
    groups = "" if name == "resnet" else f",g={g}"
    return find(f"{name}_unit@c={c},m={m},h={h},w={w},stride={stride}{groups}")
