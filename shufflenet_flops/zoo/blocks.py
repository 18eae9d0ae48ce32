"""What the mobile families share: convolutions with norm and activation, gates, rounded widths."""

from __future__ import annotations

from fractions import Fraction

from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import (
    Activation,
    Add,
    BatchNorm,
    Conv2d,
    GlobalAvgPool,
    Identity,
    Node,
    Number,
    ReLU,
    Scale,
    Seq,
    seq,
)
from shufflenet_flops.spec.numbers import exact_div
from shufflenet_flops.spec.ops import ActivationName

ROUND_TO = 8
SE_REDUCTION = 16  # the r of SENet


def conv_norm(
    c_in: Number,
    c_out: Number,
    kernel: int = 1,
    stride: int = 1,
    groups: Number = 1,
    *,
    act: Activation | None = ReLU,
) -> Seq:
    """A convolution that keeps the map's size but for its stride, batch norm, and `act`."""
    conv = Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, groups=groups)
    if act is None:
        return seq(conv=conv, bn=BatchNorm(c_out))
    return seq(conv=conv, bn=BatchNorm(c_out), **{act.name: act})


def gated(
    c: Number,
    reduced: Number,
    *,
    act: Activation = ReLU,
    gate: ActivationName = "sigmoid",
) -> Scale:
    """Squeeze and excitation of c channels by way of `reduced` (SENet).

    Its two fully connected layers are 1x1 convolutions of the pooled map, with biases.
    """
    squeeze = seq(
        pool=GlobalAvgPool(),
        fc1=Conv2d(c, reduced, bias=True),
        act=act,
        fc2=Conv2d(reduced, c, bias=True),
        gate=Activation(gate),
    )
    return Scale((("x", Identity()), ("gate", squeeze)))


def squeezed(c: Number, *, se: bool) -> dict[str, Node]:
    """SENet's gate of c channels by its name in a Seq, or nothing."""
    return {"se": gated(c, exact_div(c, SE_REDUCTION))} if se else {}


def inverted_residual(
    c_in: Number,
    hidden: Number,
    c_out: Number,
    kernel: int = 3,
    stride: int = 1,
    *,
    act: Activation = ReLU,
    se: Node | None = None,
) -> Node:
    """1x1 to `hidden` channels, depthwise convolution, gate `se` if any, and a linear 1x1 to c_out.

    The input is added where it has the output's shape; where `hidden` is c_in, the first 1x1 is
    left out (MobileNet V2 and V3).
    """
    expand: dict[str, Node] = {} if hidden == c_in else {"expand": conv_norm(c_in, hidden, act=act)}
    branch = seq(
        **expand,
        dw=conv_norm(hidden, hidden, kernel, stride, hidden, act=act),
        **({"se": se} if se else {}),
        project=Conv2d(hidden, c_out),
        bn=BatchNorm(c_out),
    )
    if stride != 1 or c_in != c_out:
        return branch
    return Add((("branch", branch), ("shortcut", Identity())))


def width_factor(name: str, value: float) -> Fraction:
    """A width or depth multiplier, exactly. Raises InputError unless it is above 0."""
    factor = Fraction(str(value))
    if factor <= 0:
        raise InputError(f"{name}={value}: must be more than 0")
    return factor


def check_resolution(resolution: Number) -> None:
    """Raise InputError for a side of an image below 1."""
    if isinstance(resolution, int) and resolution < 1:
        raise InputError(f"resolution={resolution}: must be at least 1")


def rounded(width: Fraction | int, step: int = ROUND_TO) -> int:
    """The nearest multiple of `step` (a half up), or the next above where that is under 90 %."""
    nearest = max(step, int(width + Fraction(step, 2)) // step * step)
    return nearest + step if nearest < Fraction(9, 10) * width else nearest
