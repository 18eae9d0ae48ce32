"""Ops of transformers and of networks that keep channels last.

Tokens are `(n, t, c)`, maps with channels last `(n, h, w, c)`; the batch is first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from shufflenet_flops.spec.numbers import Number, Shape, check_at_least, check_equal, exact_div
from shufflenet_flops.spec.opclass import Kind, OpClass
from shufflenet_flops.spec.ops import Counts, Free, Op, need_rank


@dataclass(frozen=True)
class ToChannelsLast(Free):
    """`(n, c, h, w)` as `(n, h, w, c)`: a view, nothing is copied."""

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        return (x[0], x[2], x[3], x[1])


@dataclass(frozen=True)
class ToChannelsFirst(Free):
    """`(n, h, w, c)` as `(n, c, h, w)`: a view, nothing is copied."""

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4, "(n, h, w, c)")
        return (x[0], x[3], x[1], x[2])


@dataclass(frozen=True)
class Tokens(Free):
    """`(n, c, h, w)` as `(n, h*w, c)`: a view, nothing is copied."""

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        return (x[0], x[2] * x[3], x[1])


@dataclass(frozen=True)
class FirstToken(Free):
    """`(n, t, c)` to its first token, `(n, c)`: a view, nothing is copied."""

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 3)
        return (x[0], x[2])


@dataclass(frozen=True)
class LayerNorm(Op):
    """Normalisation over the last axis, of `channels`: scale and shift, one norm element each."""

    widths = ("channels",)
    kind = Kind.NORM

    channels: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        check_equal("last axis", x[-1], "channels", self.channels)
        return x

    @property
    def params(self) -> Number:
        return 2 * self.channels

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.NORM_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class LayerScale(Op):
    """Each channel, on the last axis, times a learned number (ConvNeXt, section 2.6 and CaiT)."""

    widths = ("channels",)
    name = "mul"
    kind = Kind.ELEMENTWISE

    channels: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        check_equal("last axis", x[-1], "channels", self.channels)
        return x

    @property
    def params(self) -> Number:
        return self.channels

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MUL_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class ClassToken(Op):
    """A learned token before all others: `(n, t, c)` to `(n, t + 1, c)` (ViT)."""

    widths = ("channels",)
    name = "cat"
    kind = Kind.MOVE

    channels: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 3)
        check_equal("last axis", x[-1], "channels", self.channels)
        return (x[0], x[1] + 1, x[2])

    @property
    def params(self) -> Number:
        return self.channels

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MOVED_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class PositionEmbedding(Op):
    """A learned vector added to each of `tokens` tokens (ViT)."""

    widths = ("channels",)
    name = "add"
    kind = Kind.ELEMENTWISE

    tokens: Number
    channels: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 3)
        check_equal("tokens of the input", x[1], "tokens", self.tokens)
        check_equal("last axis", x[2], "channels", self.channels)
        return x

    @property
    def params(self) -> Number:
        return self.tokens * self.channels

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.ADD_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class Attention(Op):
    """Scaled dot-product attention of all tokens, in `heads` heads.

    Input `(n, t, 3*c)`, queries, keys and values side by side; output `(n, t, c)`. Two matrix
    products, `macs = 2 * n * t * t * c`, and a softmax over the n * heads * t * t scores. The
    projections before and after are layers of their own (ViT, appendix A).
    """

    name = "scaled_dot_product_attention"
    kind = Kind.MATMUL

    heads: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 3, "(n, tokens, 3*c)")
        check_at_least("heads", self.heads, 1)
        c = exact_div(x[2], 3)
        exact_div(c, self.heads)
        return (x[0], x[1], c)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        n, t, c = y
        return {
            OpClass.MATMUL_MACS: 2 * n * t * t * c,
            OpClass.LATER_MACS: n * t * (t - 1) * c,
            OpClass.SOFTMAX_ELEMENTS: n * self.heads * t * t,
        }
