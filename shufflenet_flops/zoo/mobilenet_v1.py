"""MobileNet V1 (arXiv 1704.04861)."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.spec import (
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    Number,
    ReLU,
    Seq,
    seq,
)
from shufflenet_flops.spec.numbers import check_divisible, exact_div
from shufflenet_flops.zoo.blocks import SE_REDUCTION, check_resolution, squeezed
from shufflenet_flops.zoo.registry import Network, Values, derived, family, same_height, variant

# Channels of conv1 and of the units on maps of 112, 56, 28, 14 and 7 pixels (Table 1).
WIDTHS = (32, 64, 128, 256, 512, 1024)
UNITS = (1, 2, 2, 6, 2)
SHALLOW_UNITS = (1, 2, 2, 1, 2)


def unit(
    c_in: Number,
    c_out: Number,
    stride: int = 1,
    *,
    separable: bool = True,
    kernel: Number = 3,
    se: bool = False,
) -> Seq:
    """Depthwise kernel x kernel and pointwise 1x1, each with batch norm and ReLU (Figure 3, right).

    With `separable=False` the plain convolution that the two replace (Figure 3, left). `se` gates
    the unit's output (SENet).
    """
    check_divisible("kernel - 1", kernel - 1, "the two sides", 2)
    padding = exact_div(kernel - 1, 2)
    if not separable:
        plain = Conv2d(c_in, c_out, kernel, stride, padding)
        return seq(conv=plain, bn=BatchNorm(c_out), relu=ReLU, **squeezed(c_out, se=se))
    return seq(
        dw=Conv2d(c_in, c_in, kernel, stride, padding, groups=c_in),
        bn1=BatchNorm(c_in),
        relu1=ReLU,
        pw=Conv2d(c_in, c_out),
        bn2=BatchNorm(c_out),
        relu2=ReLU,
        **squeezed(c_out, se=se),
    )


def network(
    widths: tuple[Number, ...] = WIDTHS,
    *,
    units: tuple[int, ...] = UNITS,
    separable: bool = True,
    last_stride: int = 1,
    se: bool = False,
    classes: Number = 1000,
) -> Seq:
    """The network of Table 1; widths, of conv1 and of five stages, may be ints, symbols or arrays.

    `last_stride` is that of the last depthwise convolution. Table 1 prints 2, but its 7x7 input
    and output need 1.
    """
    c_in = widths[0]
    conv1 = seq(conv=Conv2d(3, c_in, 3, 2, 1), bn=BatchNorm(c_in), relu=ReLU)
    stages = {}
    for number, (width, repeat) in enumerate(zip(widths[1:], units, strict=True), start=1):
        stage = []
        for i in range(repeat):
            stride = 2 if number > 1 and i == 0 else 1
            if number == len(units) and i == repeat - 1:
                stride = last_stride
            stage.append(unit(c_in, width, stride, separable=separable, se=se))
            c_in = width
        stages[f"stage{number}"] = seq(*stage)
    return seq(
        conv1=conv1,
        **stages,
        globalpool=GlobalAvgPool(),
        flatten=Flatten(),
        fc=Linear(c_in, classes),
    )


def _last_width(options: Values) -> int:
    """The last stage's channels at width multiplier alpha, where all widths are whole."""
    alpha = options["alpha"]
    factor = Fraction(str(alpha))
    if factor <= 0:
        raise InputError(f"alpha={alpha}: must be more than 0")
    if (factor * WIDTHS[0]).denominator != 1:
        step = Fraction(1, WIDTHS[0])
        near = [float(multiple * step) for multiple in (factor // step, factor // step + 1)]
        raise SpecError(
            f"alpha={alpha} gives conv1 {float(factor * WIDTHS[0])} channels; nearest that give a "
            f"whole number are {' and '.join(str(value) for value in near if value)}"
        )
    return int(factor * WIDTHS[-1])


def _step(given: Values) -> int:
    """Which leaves conv1 a whole width, and the first unit one that its gate can divide by 16."""
    narrowest = WIDTHS[-1] // WIDTHS[1] * SE_REDUCTION if given["se"] else 1
    return max(narrowest, WIDTHS[-1] // WIDTHS[0])


@family("MobileNet V1, Table 1", step=_step)
def mobilenet_v1(
    alpha: float = 1.0,
    c: Number = derived(_last_width),
    resolution: Number = 224,
    separable: bool = True,
    shallow: bool = False,
    last_stride: Literal[1, 2] = 1,
    se: bool = False,
    classes: Number = 1000,
) -> Network:
    """MobileNet V1 with width multiplier alpha, or c channels at the end, on a square image.

    `separable=False` has a full convolution in place of each separable one (Table 4); `shallow`
    drops five of the six units on 14x14 maps (Table 5); `last_stride=2` is Table 1 to the letter;
    `se` gates every unit's output (SENet, Table 3).
    """
    check_resolution(resolution)
    spec = network(
        tuple(exact_div(c * width, WIDTHS[-1]) for width in WIDTHS),
        units=SHALLOW_UNITS if shallow else UNITS,
        separable=separable,
        last_stride=last_stride,
        se=se,
        classes=classes,
    )
    return Network(spec, (1, 3, resolution, resolution))


def _output(options: Values) -> Number:
    """A unit's output channels: as many as its input has, doubled by stride 2."""
    channels: Number = options["c"] * options.get("stride", 1)
    return channels


@family("MobileNet V1, section 3.1 and Table 3", unit="mobilenet", step=lambda given: 1)
def mobilenet_layer(
    c: Number = 512,
    stride: Literal[1, 2] = 1,
    n: Number = derived(_output),
    k: Number = 3,
    h: Number = 14,
    w: Number = derived(same_height),
    separable: bool = True,
) -> Network:
    """One layer of MobileNet V1 from c to n channels: separable, or a full k x k convolution."""
    layer = unit(c, n, stride, separable=separable, kernel=k)
    return Network(seq(unit=layer), (1, c, h, w))


@family("MobileNet V1, equation 2", unit="conv", step=lambda given: 1)
def conv_unit(
    c: Number = 240,
    n: Number = derived(_output),
    k: Number = 3,
    h: Number = 28,
    w: Number = derived(same_height),
) -> Network:
    """A full k x k convolution from c to n channels with batch norm and ReLU."""
    return Network(seq(unit=unit(c, n, separable=False, kernel=k)), (1, c, h, w))


for _alpha in (0.25, 0.5, 0.75, 1.0):
    variant(f"mobilenet_v1_x{str(_alpha).replace('.', '_')}", "mobilenet_v1", alpha=_alpha)
