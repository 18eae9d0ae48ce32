"""Ops of attention within windows (Swin Transformer), on maps with their channels last.

A map is `(n, h, w, c)`; its windows are `(n, rows, columns, tokens, c)`, with window * window
tokens each. Where a map does not fill its last windows it is padded with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from shufflenet_flops.spec.numbers import (
    Number,
    Shape,
    check_at_least,
    check_divisible,
    check_equal,
    exact_div,
    indicator,
)
from shufflenet_flops.spec.opclass import Kind, OpClass
from shufflenet_flops.spec.ops import Counts, Free, Op, need_rank

_MAP = "(n, h, w, c)"
_WINDOWS = "(n, rows, columns, tokens, c)"


class Move(Op):
    """An op that copies its output's elements, where it does anything at all."""

    kind = Kind.MOVE

    def moved(self, x: Shape, y: Shape) -> Number:
        """Elements copied of an input of shape x to the output, of shape y."""
        return prod(y)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MOVED_ELEMENTS: self.moved(xs[0], y)}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        return self.moved(xs[0], y), self.moved(xs[0], y)


def _several(rows: Number, columns: Number) -> Number:
    """1 where a map has several windows, and so may shift them; 0 where it is one window."""
    return indicator(rows * columns > 1)


@dataclass(frozen=True)
class PadToMultiple(Move):
    """`(n, h, w, c)` with zeros below and on the right, up to multiples of `multiple`.

    A map of such a size is passed on, and nothing is copied.
    """

    name = "pad"

    multiple: Number

    def __post_init__(self) -> None:
        check_at_least("multiple", self.multiple, 1)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4, _MAP)
        h, w = ((size + self.multiple - 1) // self.multiple * self.multiple for size in x[1:3])
        return (x[0], h, w, x[3])

    def _pads(self, x: Shape, y: Shape) -> Number:
        return indicator(y[1] * y[2] > x[1] * x[2])

    def moved(self, x: Shape, y: Shape) -> Number:
        return prod(y) * self._pads(x, y)

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        pads = self._pads(xs[0], y)
        return prod(xs[0]) * pads, prod(y) * pads


@dataclass(frozen=True)
class CyclicShift(Move):
    """`(n, h, w, c)` rolled up and left by half a window, or `back`, where it has several."""

    name = "roll"

    window: Number
    back: bool = False

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4, _MAP)
        return x

    def moved(self, x: Shape, y: Shape) -> Number:
        rows, columns = (exact_div(size, self.window) for size in x[1:3])
        return prod(y) * _several(rows, columns)


def _is_several(number: Any) -> Number:
    """1 where there is more than one, else 0; of ints, symbols and arrays, which all have `>`."""
    return indicator(number > 1)


@dataclass(frozen=True)
class ToWindows(Move):
    """`(n, h, w, c)` to `(n, rows, columns, tokens, c)`: a copy unless a row is one window."""

    name = "window_partition"

    window: Number

    def output(self, *xs: Shape) -> Shape:
        need_rank(self, xs[0], 4, _MAP)
        n, h, w, c = xs[0]
        side = self.window
        return (n, exact_div(h, side), exact_div(w, side), side * side, c)

    def moved(self, x: Shape, y: Shape) -> Number:
        return prod(y) * _is_several(y[2])


@dataclass(frozen=True)
class FromWindows(Move):
    """`(n, rows, columns, tokens, c)` to `(n, h, w, c)`: a copy unless a row is one window."""

    name = "window_reverse"

    window: Number

    def output(self, *xs: Shape) -> Shape:
        need_rank(self, xs[0], 5, _WINDOWS)
        n, rows, columns, tokens, c = xs[0]
        check_equal("tokens of a window", tokens, "window^2", self.window * self.window)
        return (n, rows * self.window, columns * self.window, c)

    def moved(self, x: Shape, y: Shape) -> Number:
        return prod(y) * _is_several(x[2])


@dataclass(frozen=True)
class MergeHeads(Move):
    """`(n, rows, columns, heads, tokens, size)` to `(n, rows, columns, tokens, heads * size)`.

    A copy unless there is one head.
    """

    def output(self, *xs: Shape) -> Shape:
        need_rank(self, xs[0], 6, "(n, rows, columns, heads, tokens, size)")
        n, rows, columns, heads, tokens, size = xs[0]
        return (n, rows, columns, tokens, heads * size)

    def moved(self, x: Shape, y: Shape) -> Number:
        return prod(y) * indicator(x[3] != 1)


@dataclass(frozen=True)
class RelativePosition(Move):
    """A learned number for each head and each pair of a window's tokens, whatever the input.

    The output is `(heads, tokens, tokens)`, taken from (2 * window - 1)^2 parameters a head: one
    for each distance down and across (Swin, equation 4).
    """

    window: Number
    heads: Number

    def output(self, *xs: Shape) -> Shape:
        tokens = self.window * self.window
        return (self.heads, tokens, tokens)

    @property
    def params(self) -> Number:
        reach = 2 * self.window - 1
        return reach * reach * self.heads

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        indices = 2 * y[1] * y[2]  # of 64 bits each, which are two elements of fp32
        return prod(y) + indices, prod(y)


@dataclass(frozen=True)
class ShiftMask(Move):
    """What tokens of a shifted window do not attend to: `(rows, columns, 1, tokens, tokens)`.

    A shifted window at the end of a map holds parts that are no neighbours. Nothing is made where
    windows are not shifted. Its input is the windows, of which it takes the number alone.
    """

    window: Number

    def output(self, *xs: Shape) -> Shape:
        need_rank(self, xs[0], 5, _WINDOWS)
        _, rows, columns, tokens, _ = xs[0]
        return (rows, columns, 1, tokens, tokens)

    def moved(self, x: Shape, y: Shape) -> Number:
        return prod(y) * _several(y[0], y[1])


@dataclass(frozen=True)
class AddMaskOp(Op):
    """The relative positions `(heads, t, t)` with the mask of each window, where there is one."""

    name = "add"
    kind = Kind.ELEMENTWISE

    def output(self, *xs: Shape) -> Shape:
        position, mask = xs
        need_rank(self, position, 3, "(heads, tokens, tokens)")
        need_rank(self, mask, 5, "(rows, columns, 1, tokens, tokens)")
        return (*mask[:2], *position)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.ADD_ELEMENTS: prod(y) * _several(y[0], y[1])}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        shifted = _several(y[0], y[1])
        return sum(prod(x) for x in xs) * shifted, prod(y) * shifted


@dataclass(frozen=True)
class WindowAttentionOp(Op):
    """Scaled dot-product attention within each window, a bias added to the scores.

    The first input is `(n, rows, columns, t, 3*c)`, queries, keys and values side by side, the
    second the bias, `(heads, t, t)` or one such for each window; the output is
    `(n, rows, columns, heads, t, c / heads)`. Two matrix products, `macs = 2 * n * rows * columns *
    t * t * c`, and a softmax over the scores (Swin, equations 2 and 4).
    """

    name = "window_attention"
    kind = Kind.MATMUL

    def output(self, *xs: Shape) -> Shape:
        x, bias = xs
        need_rank(self, x, 5, _WINDOWS)
        if len(bias) != 3:
            need_rank(self, bias, 5, "(heads, tokens, tokens)")
        heads = bias[-3]
        c = exact_div(x[-1], 3)
        check_divisible("channels", c, "heads", heads)
        return (*x[:3], heads, x[3], exact_div(c, heads))

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        tokens = y[4]
        return {
            OpClass.MATMUL_MACS: 2 * prod(y) * tokens,
            OpClass.LATER_MACS: prod(y) * (tokens - 1),
            OpClass.SOFTMAX_ELEMENTS: prod(y[:4]) * tokens * tokens,
        }

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        x, bias = xs
        if len(bias) == 3:
            return prod(x) + prod(bias), prod(y)
        windows = 1 + (bias[0] * bias[1] - 1) * _several(bias[0], bias[1])
        return prod(x) + prod(bias[2:]) * windows, prod(y)


@dataclass(frozen=True)
class CropOp(Free):
    """The first map `(n, h, w, c)`, cut to the height and width of the second: a view."""

    def output(self, *xs: Shape) -> Shape:
        x, whole_map = xs
        for shape in xs:
            need_rank(self, shape, 4, _MAP)
        return (x[0], *whole_map[1:3], x[3])


@dataclass(frozen=True)
class MergePatches(Move):
    """Each 2x2 of `(n, h, w, c)` side by side, `(n, h/2, w/2, 4*c)` (Swin, section 3.1)."""

    name = "cat"

    def output(self, *xs: Shape) -> Shape:
        need_rank(self, xs[0], 4, _MAP)
        n, h, w, c = xs[0]
        return (n, exact_div(h, 2), exact_div(w, 2), 4 * c)
