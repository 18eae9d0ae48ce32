"""Leaf ops and joins: output shape, parameters, counted work and memory traffic, each written once.

Shapes are torch shapes with the batch first: `(n, c, h, w)` or `(n, features)`.
The same arithmetic runs on ints, sympy symbols and integer arrays (`spec.numbers`).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import Any, ClassVar, Literal, get_args

from shufflenet_flops.errors import SpecError
from shufflenet_flops.spec.numbers import (
    Number,
    Shape,
    check_at_least,
    check_divisible,
    check_equal,
    exact_div,
    indicator,
)
from shufflenet_flops.spec.opclass import Kind, OpClass, conv_kind

Counts = Mapping[OpClass, Number]
Size2 = tuple[Number, Number]


def pair(value: Number | Size2) -> Size2:
    """`3` as `(3, 3)`; a pair as it is."""
    return value if isinstance(value, tuple) else (value, value)


def _sizes(name: str, value: Any, least: int) -> Size2:
    """A size or a pair of them, as a pair. Raises SpecError for anything else, and less."""
    if type(value) is int and value >= least:  # as nearly all are
        return value, value
    sizes = value if isinstance(value, tuple) else (value, value)
    if len(sizes) != 2 or isinstance(value, list):
        raise SpecError(f"{name}={value!r} must be a whole number or two of them, (height, width)")
    for size in sizes if sizes[0] is not sizes[1] else sizes[:1]:
        check_at_least(name, size, least)
    return sizes


@cache
def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@dataclass(frozen=True)
class Op(ABC):
    """One step of a network. All methods are pure functions of the input shapes `xs`."""

    free: ClassVar[bool] = False  # only renames its input in inference, and so has no row
    widths: ClassVar[tuple[str, ...]] = ()  # fields that are channels, the input's before others

    @property
    def name(self) -> str:
        """What the layer table calls it; `HardSwish` is `hard_swish` unless it says otherwise."""
        return _in_words(type(self).__name__)

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What it is to a network designer."""

    def output(self, *xs: Shape) -> Shape:
        """The output shape. Raises SpecError when the op cannot take these inputs."""
        return xs[0]

    @property
    def params(self) -> Number:
        """Trainable parameters (running statistics are buffers, and excluded)."""
        return 0

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        """Work by op class; classes that are absent are zero."""
        return {}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        """Elements (read, written): every input, weight and buffer once, every output once.

        Nothing is cached between ops; an op that only renames its input moves nothing.
        """
        return sum(prod(x) for x in xs) + self.params, prod(y)


_LAYOUTS = {2: "(n, features)", 3: "(n, tokens, c)", 4: "(n, c, h, w)"}


def need_rank(op: Op, x: Shape, rank: int, layout: str = "") -> None:
    if len(x) != rank:
        layout = layout or _LAYOUTS[rank]
        raise SpecError(f"{type(op).__name__} takes a {layout} input, got shape {shape_text(x)}")


def shape_text(x: Shape) -> str:
    """`(1, 3, 224, 224)` as `1x3x224x224`."""
    return "x".join(str(size) for size in x)


def _slide(
    axis: str, size: Number, kernel: Number, stride: Number, padding: Number, dilation: Number
) -> Number:
    """Output size of a window sliding along one axis, rounded down."""
    span = dilation * (kernel - 1) + 1
    if isinstance(stride, int) and stride == 1 and (2 * padding == span - 1) is True:
        check_at_least(axis, size, 1)
        return size  # the same object: what depends on it need not be computed again
    try:
        check_at_least(axis, size + 2 * padding - span + 1, 1)
    except SpecError as error:
        raise SpecError(
            f"input {axis} {size} is smaller than the {span}-wide window less its padding; "
            f"the smallest that works is {span - 2 * padding}",
            error.invalid,
        ) from None
    return (size + 2 * padding - span) // stride + 1


@dataclass(frozen=True)
class Conv2d(Op):
    """2-D convolution, `macs = n * h_out * w_out * c_out * (c_in / groups) * k_h * k_w`.

    Input `(n, c_in, h, w)`, output `(n, c_out, h_out, w_out)`. A depthwise convolution is
    `groups = c_in`. The bias adds one add per output element, counted apart.
    """

    widths = ("c_in", "c_out")
    name = "conv2d"

    c_in: Number
    c_out: Number
    kernel: Number | Size2 = 1
    stride: Number | Size2 = 1
    padding: Number | Size2 = 0
    dilation: Number | Size2 = 1
    groups: Number = 1
    bias: bool = False

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "padding", "dilation"):
            sizes = _sizes(name, getattr(self, name), 0 if name == "padding" else 1)
            object.__setattr__(self, name, sizes)
        check_at_least("c_in", self.c_in, 1)
        check_at_least("c_out", self.c_out, 1)
        check_divisible("c_in", self.c_in, "groups", self.groups)
        check_divisible("c_out", self.c_out, "groups", self.groups)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        check_equal("input channels", x[1], "c_in", self.c_in)
        sizes: Any = self  # which are pairs since it was made
        (kh, kw), (sh, sw) = sizes.kernel, sizes.stride
        (ph, pw), (dh, dw) = sizes.padding, sizes.dilation
        h = _slide("height", x[2], kh, sh, ph, dh)
        if x[2] is x[3] and kh is kw and sh is sw and ph is pw and dh is dw:
            return (x[0], self.c_out, h, h)
        return (x[0], self.c_out, h, _slide("width", x[3], kw, sw, pw, dw))

    @property
    def kind(self) -> Kind:
        return conv_kind(self.c_in, pair(self.kernel), self.groups)

    @cached_property
    def _fan_in(self) -> Number:
        """Inputs that one output element sees: c_in / groups * k_h * k_w."""
        return exact_div(self.c_in, self.groups) * prod(pair(self.kernel))

    @property
    def params(self) -> Number:
        weights = self.c_out * self._fan_in
        return weights + self.c_out if self.bias else weights

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        macs = prod(y) * self._fan_in
        if self.bias:
            return {OpClass.CONV_MACS: macs, OpClass.CONV_BIAS_ADDS: prod(y)}
        return {OpClass.CONV_MACS: macs}


@dataclass(frozen=True)
class Linear(Op):
    """Fully connected layer, `macs = n * features_in * features_out`.

    Input `(n, features_in)`, output `(n, features_out)`; n may be several axes, as of tokens.
    """

    widths = ("features_in", "features_out")
    kind = Kind.LINEAR

    features_in: Number
    features_out: Number
    bias: bool = True

    def __post_init__(self) -> None:
        check_at_least("features_in", self.features_in, 1)
        check_at_least("features_out", self.features_out, 1)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        if isinstance(x[-1], int) and x[-1] != self.features_in:
            need_rank(self, x, 2)  # a map that was not flattened, above all
        check_equal("input features", x[-1], "features_in", self.features_in)
        return (*x[:-1], self.features_out)

    @property
    def params(self) -> Number:
        weights = self.features_in * self.features_out
        return weights + self.features_out if self.bias else weights

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        macs = prod(y) * self.features_in
        if self.bias:
            return {OpClass.LINEAR_MACS: macs, OpClass.LINEAR_BIAS_ADDS: prod(y)}
        return {OpClass.LINEAR_MACS: macs}


@dataclass(frozen=True)
class BatchNorm(Op):
    """Batch normalisation in inference: scale and shift per channel, one norm element each.

    Its 2c running statistics are read but are no parameters.
    """

    widths = ("channels",)
    kind = Kind.NORM

    channels: Number

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        check_equal("input channels", x[1], "channels", self.channels)
        return x

    @property
    def params(self) -> Number:
        return 2 * self.channels

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.NORM_ELEMENTS: prod(y)}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        return prod(y) + 4 * self.channels, prod(y)


ActivationName = Literal["relu", "relu6", "sigmoid", "silu", "hardswish", "hardsigmoid", "gelu"]
_ACTIVATIONS = get_args(ActivationName)


@dataclass(frozen=True)
class Activation(Op):
    """An element-wise activation, any shape."""

    kind = Kind.ACTIVATION

    function: ActivationName = "relu"

    def __post_init__(self) -> None:
        if self.function not in _ACTIVATIONS:
            known = ", ".join(_ACTIVATIONS)
            raise SpecError(f"function={self.function!r} is no activation here; known: {known}")

    @property
    def name(self) -> str:
        return self.function

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.ACTIVATION_ELEMENTS: prod(y)}


ReLU = Activation("relu")


@dataclass(frozen=True)
class Pool2d(Op):
    kernel: Number | Size2
    stride: Number | Size2
    padding: Number | Size2 = 0
    ceil_mode: bool = False

    kind = Kind.POOL
    classes: ClassVar[tuple[OpClass, OpClass, OpClass]]

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "padding"):
            sizes = _sizes(name, getattr(self, name), 0 if name == "padding" else 1)
            object.__setattr__(self, name, sizes)
        for kernel, padding in zip(pair(self.kernel), pair(self.padding), strict=True):
            check_at_least("kernel - 2*padding of a pool", kernel - 2 * padding, 0)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        h, w = (
            self._slide(axis, *window)
            for axis, *window in zip(
                ("height", "width"),
                x[2:],
                *map(pair, (self.kernel, self.stride, self.padding)),
                strict=True,
            )
        )
        return (x[0], x[1], h, w)

    def _slide(
        self, axis: str, size: Number, kernel: Number, stride: Number, padding: Number
    ) -> Number:
        floor = _slide(axis, size, kernel, stride, padding, 1)
        if not self.ceil_mode:
            return floor
        # Rounding up adds a window when a part stride is left over, but torch drops a window that
        # would start in the right padding: its start is `ceil * stride - stride`.
        ceil = -((kernel - size - 2 * padding) // stride) + 1
        starts_inside = (ceil - 1) * stride < size + padding
        return floor + (ceil - floor) * indicator(starts_inside)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        inputs, windows, outputs = self.classes
        return {inputs: prod(xs[0]), windows: prod(y) * prod(pair(self.kernel)), outputs: prod(y)}


@dataclass(frozen=True)
class MaxPool2d(Pool2d):
    """Maximum over each window; `ceil_mode` rounds the output size up."""

    name = "max_pool2d"
    classes = (OpClass.MAX_POOL_INPUTS, OpClass.MAX_POOL_WINDOWS, OpClass.MAX_POOL_OUTPUTS)


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """Average over each window; `ceil_mode` rounds the output size up."""

    name = "avg_pool2d"
    classes = (OpClass.AVG_POOL_INPUTS, OpClass.AVG_POOL_WINDOWS, OpClass.AVG_POOL_OUTPUTS)


@dataclass(frozen=True)
class GlobalAvgPool(Op):
    """Average over the whole map: `(n, c, h, w)` to `(n, c, 1, 1)`."""

    name = "adaptive_avg_pool2d"
    kind = Kind.POOL

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        return (x[0], x[1], 1, 1)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.GLOBAL_POOL_INPUTS: prod(xs[0]), OpClass.GLOBAL_POOL_OUTPUTS: prod(y)}


@dataclass(frozen=True)
class AdaptiveAvgPool2d(Op):
    """Average over a fixed grid of windows: `(n, c, h, w)` to `(n, c, *size)`, as torch cuts them.

    Where the map already has that size it is copied.
    """

    name = "adaptive_avg_pool2d"
    kind = Kind.POOL

    size: Number | Size2

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _sizes("size", self.size, 1))

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        return (x[0], x[1], *pair(self.size))

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.GLOBAL_POOL_INPUTS: prod(xs[0]), OpClass.GLOBAL_POOL_OUTPUTS: prod(y)}


class Free(Op):
    """An op that only renames its input in inference: no work, no memory traffic."""

    free = True
    kind = Kind.MOVE

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        return 0, 0


@dataclass(frozen=True)
class Identity(Free):
    """Passes its input on: the shortcut of a residual unit."""


@dataclass(frozen=True)
class Dropout(Free):
    """Dropout, which does nothing in inference."""

    p: float = 0.5


@dataclass(frozen=True)
class Flatten(Free):
    """`(n, c, h, w)` to `(n, c*h*w)`."""

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        return (x[0], prod(x[1:]))


@dataclass(frozen=True)
class ChannelSlice(Free):
    """Channels `start` to `stop` (excluded) of `(n, c, h, w)`: a view, nothing is copied.

    Two of them make the channel split of ShuffleNet V2, section 3.2.
    """

    widths = ("start", "stop")

    start: Number
    stop: Number

    def __post_init__(self) -> None:
        check_at_least("start", self.start, 0)
        check_at_least("stop - start", self.stop - self.start, 1)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        check_at_least("channels - stop", x[1] - self.stop, 0)
        return (x[0], self.stop - self.start, *x[2:])


@dataclass(frozen=True)
class ChannelShuffle(Op):
    """Channel shuffle: split channels into (groups, n), transpose, flatten: a copy, no arithmetic.

    One group, or groups of one channel, leave the order as it is, and then nothing is copied.
    Source: ShuffleNet V1, section 3.1.
    """

    kind = Kind.MOVE

    groups: Number

    def __post_init__(self) -> None:
        check_at_least("groups", self.groups, 1)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        check_divisible("channels", x[1], "groups", self.groups)
        return x

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MOVED_ELEMENTS: self._moved(y)}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        return self._moved(y), self._moved(y)

    def _moved(self, y: Shape) -> Number:
        return prod(y) * indicator((self.groups != 1) & (self.groups != y[1]))


@dataclass(frozen=True)
class ZeroPadShortcut(Op):
    """Shortcut without parameters: keep every `stride`-th position, pad channels with zeros.

    `(n, c_in, h, w)` to `(n, c_out, ceil(h/stride), ceil(w/stride))`.
    Source: ResNet, section 3.3, option A.
    """

    widths = ("c_out",)
    name = "pad"
    kind = Kind.MOVE

    c_out: Number
    stride: Number = 1

    def __post_init__(self) -> None:
        check_at_least("stride", self.stride, 1)

    def output(self, *xs: Shape) -> Shape:
        (x,) = xs
        need_rank(self, x, 4)
        check_at_least("padded channels", self.c_out - x[1], 0)
        h, w = ((size - 1) // self.stride + 1 for size in x[2:])
        return (x[0], self.c_out, h, w)

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MOVED_ELEMENTS: prod(y)}

    def traffic(self, xs: tuple[Shape, ...], y: Shape) -> tuple[Number, Number]:
        return y[0] * xs[0][1] * y[2] * y[3], prod(y)


@dataclass(frozen=True)
class AddOp(Op):
    """Sum of two branches' outputs, both of one shape: one add per element."""

    name = "add"
    kind = Kind.ELEMENTWISE

    def output(self, *xs: Shape) -> Shape:
        x, other = xs
        _match("add", x, other, range(len(x)))
        return x

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.ADD_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class ConcatOp(Op):
    """The branches' channels side by side: a copy, no arithmetic."""

    name = "cat"
    kind = Kind.MOVE

    def output(self, *xs: Shape) -> Shape:
        for x in xs[1:]:
            _match("concatenate", xs[0], x, (0, *range(2, len(xs[0]))))
        return (xs[0][0], sum(x[1] for x in xs), *xs[0][2:])

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MOVED_ELEMENTS: prod(y)}


@dataclass(frozen=True)
class ScaleOp(Op):
    """Every channel of the first branch `(n, c, h, w)` times its gate from the second.

    The gate is `(n, c)` or `(n, c, 1, 1)`. Source: SENet, section 3.
    """

    name = "mul"
    kind = Kind.ELEMENTWISE

    def output(self, *xs: Shape) -> Shape:
        x, gate = xs
        need_rank(self, x, 4)
        _match("scale", (*x[:2], 1, 1) if len(gate) == 4 else x[:2], gate, range(len(gate)))
        return x

    def counts(self, xs: tuple[Shape, ...], y: Shape) -> Counts:
        return {OpClass.MUL_ELEMENTS: prod(y)}


def _match(verb: str, x: Shape, other: Shape, axes: tuple[int, ...] | range) -> None:
    try:
        check_equal("axes", len(x), "axes", len(other))
        for axis in axes:
            check_equal("size", x[axis], "size", other[axis])
    except SpecError as error:
        raise SpecError(
            f"cannot {verb} branches of shapes {shape_text(x)} and {shape_text(other)}",
            error.invalid,
        ) from None
