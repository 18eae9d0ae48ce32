"""Figures and formulas that the papers state in their text, computed or proved here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise, product
from types import MappingProxyType
from typing import TypeAlias

from shufflenet_flops import zoo
from shufflenet_flops.counting import walk_macs
from shufflenet_flops.paper.verdict import Value
from shufflenet_flops.spec import Conv2d, Node, Number, Shape, walk
from shufflenet_flops.spec.numbers import whole
from shufflenet_flops.zoo import classic, mobilenet_v1, resnet, shufflenet_v1
from shufflenet_flops.zoo.shufflenet_v1_widths import STAGE_WIDTHS

# The printed figure at (table, row, column), in base units.
Quoted: TypeAlias = Callable[[str, str, str], Fraction]
Claim: TypeAlias = Callable[[str, Quoted], Value]

_TABLE_8 = "shufflenet_v1_table_8"
_SIZES = ("224x224", "480x640", "720x1280")
_PAIRS = (("1x (g=3)", "0.5x (g=3)"), ("2x (g=3)", "1x (g=3)"))


def alexnet_speedup(at: str, quoted: Quoted) -> Fraction:
    """Time of AlexNet over time of ShuffleNet 0.5x, at an input size or as the `mean` of three."""
    sizes = _SIZES if at == "mean" else (at,)
    ratios = [
        quoted(_TABLE_8, "AlexNet", size) / quoted(_TABLE_8, "0.5x (g=3)", size) for size in sizes
    ]
    return sum(ratios, Fraction()) / len(ratios)


def printed_complexity_ratio(at: str, quoted: Quoted) -> Fraction:
    """Ratio of the FLOPs that Table 8 prints for the two rows in `at`, written `a / b`."""
    a, b = at.split(" / ")
    return quoted(_TABLE_8, a, "FLOPs") / quoted(_TABLE_8, b, "FLOPs")


def ratio_of_printed(at: str, quoted: Quoted) -> Fraction:
    """Ratio of two figures that one table prints: `table: column: row / row`."""
    table, column, rows = at.split(": ")
    a, b = rows.split(" / ")
    return quoted(table, a, column) / quoted(table, b, column)


def googlenet_printed_ops(at: str, quoted: Quoted) -> Fraction:
    """Sum of the operations that GoogLeNet's Table 1 prints."""
    rows = ("conv1", "conv2", *(f"inception ({name})" for name in classic.INCEPTION), "linear")
    return sum((quoted("googlenet_table_1", row, "ops, M") for row in rows), Fraction())


def macs_ratio(at: str, quoted: Quoted) -> Fraction:
    """Ratio of the multiply-accumulates of the two zoo models in `at`, written `a / b`."""
    a, b = (walk_macs(model.spec, model.input) for model in map(zoo.find, at.split(" / ")))
    return Fraction(a, b)


def speedup_of_a_quarter(at: str, quoted: Quoted) -> Fraction:
    """Mean speed-up, over three sizes, from 2x to 1x and from 1x to 0.5x, as measured (`raw`).

    `scaled` brings each to exactly 4 times less work: 4^(ln(speed-up) / ln(FLOPs ratio)).
    """
    speedups = []
    for large, small in _PAIRS:
        theory = printed_complexity_ratio(f"{large} / {small}", quoted)
        for size in _SIZES:
            actual = quoted(_TABLE_8, large, size) / quoted(_TABLE_8, small, size)
            if at == "scaled":
                actual = Fraction(4 ** (math.log(actual) / math.log(theory)))
            speedups.append(actual)
    return sum(speedups, Fraction()) / len(speedups)


def cost_of_width(at: str, quoted: Quoted) -> str:
    """The power of s that leads the cost of ShuffleNet with s times the filters.

    It is how often differences are to be taken until none is left: the cost is a polynomial in s.
    """
    costs = [
        walk_macs(
            shufflenet_v1.network(tuple(s * width for width in STAGE_WIDTHS[3]), 24 * s, 3),
            (1, 3, 224, 224),
        )
        for s in range(1, 6)
    ]
    power = -1
    while any(costs):
        costs = [after - before for before, after in pairwise(costs)]
        power += 1
    return f"s^{power}"


def macs_at_scale(at: str, quoted: Quoted) -> Fraction:
    """Cost of ShuffleNet at scale `at`, g=3, over that of ShuffleNet 1x."""
    return macs_ratio(f"shufflenet_v1@g=3,scale={at} / shufflenet_v1_x1_0_g3", quoted)


def memory_access(node: Node, x: Shape) -> Number:
    """Elements read and written: feature maps and weights, each once (ShuffleNet V2, section 2)."""
    return sum(sum(visit.op.traffic(visit.inputs, visit.output)) for visit in walk(node, x))


def pointwise(h: int, w: int, c1: int, c2: int, g: int = 1) -> tuple[int, int]:
    """Memory access and MACs of a 1x1 convolution from c1 to c2 channels, in g groups, on h x w."""
    conv, x = Conv2d(c1, c2, groups=g), (1, c1, h, w)
    return whole(memory_access(conv, x)), whole(walk_macs(conv, x))


def guideline_1(at: str, quoted: Quoted) -> str:
    """G1: the memory access of a 1x1 convolution (`access`) and its lower bound (`bound`).

    The access exceeds 2 sqrt(hwB) + B/hw by hw (sqrt(c1) - sqrt(c2))^2, which is never negative
    and 0 for c1 = c2. Over squares c1 and c2 all of it is a polynomial.
    """

    def access(h: int, w: int, c1: int, c2: int) -> tuple[Fraction, Fraction]:
        found, _ = pointwise(h, w, c1, c2)
        return Fraction(found), Fraction(h * w * (c1 + c2) + c1 * c2)

    def excess(h: int, w: int, root1: int, root2: int) -> tuple[Fraction, Fraction]:
        found, work = pointwise(h, w, root1**2, root2**2)
        bound = 2 * math.isqrt(h * w * work) + Fraction(work, h * w)
        return found - bound, Fraction(h * w * (root1 - root2) ** 2)

    if at == "access":
        return _proved("hw(c1+c2) + c1c2", access, "h w c1 c2", 1)
    return _proved(">= 2 sqrt(hwB) + B/hw", excess, "h w sqrt(c1) sqrt(c2)", 2)


def guideline_2(at: str, quoted: Quoted) -> str:
    """G2: the memory access of a 1x1 convolution in g groups (`access`), also by its `work` B.

    Of g times c1 and g times c2 channels, so that g divides both.
    """

    def access(h: int, w: int, c1: int, c2: int, g: int) -> tuple[Fraction, Fraction]:
        c1, c2 = g * c1, g * c2
        found, work = pointwise(h, w, c1, c2, g)
        if at == "access":
            return Fraction(found), h * w * (c1 + c2) + Fraction(c1 * c2, g)
        return Fraction(found), h * w * c1 + Fraction(work * g, c1) + Fraction(work, h * w)

    formula = "hw(c1+c2) + c1c2/g" if at == "access" else "hwc1 + Bg/c1 + B/hw"
    return _proved(formula, access, "h w c1/g c2/g g", 2)


def resnext_equation_4(at: str, quoted: Quoted) -> str:
    """Weights of a ResNeXt unit: C paths of 256 to d, 3x3 on d, d to 256 (section 3.4)."""

    def weights(paths: int, d: int) -> tuple[Fraction, Fraction]:
        visits = walk(resnet.bottleneck(256, 256, paths * d, paths), (1, 256, 56, 56))
        found = sum(whole(visit.op.params) for visit in visits if isinstance(visit.op, Conv2d))
        return Fraction(found), Fraction(paths * (256 * d + 3 * 3 * d * d + d * 256))

    return _proved("C(256d + 3*3*d*d + d*256)", weights, "C d", 2)


def separable_share(at: str, quoted: Quoted) -> str:
    """Cost of a depthwise separable convolution over a full one: MobileNet V1, section 3.1."""

    def share(m: int, n: int, size: int) -> tuple[Fraction, Fraction]:
        x = (1, m, size, size)
        separable = whole(walk_macs(mobilenet_v1.unit(m, n), x))
        full = whole(walk_macs(mobilenet_v1.unit(m, n, separable=False), x))
        return Fraction(separable, full), Fraction(1, n) + Fraction(1, 9)

    return _proved("1/N + 1/D_K^2", share, "M N D_F", 2)


def _proved(
    formula: str, sides: Callable[..., tuple[Fraction, Fraction]], variables: str, degree: int
) -> str:
    """The formula as the paper prints it where the walk gives it, else where it does not.

    `sides` are the walk's side and the paper's. Their difference, times the paper's denominators,
    is a polynomial of at most this degree in each variable, so it is 0 if it is at one value more
    than that of each.
    """
    names = variables.split()
    for point in product(range(1, degree + 2), repeat=len(names)):
        walked, stated = sides(*point)
        if walked != stated:
            at = ", ".join(f"{name}={value}" for name, value in zip(names, point, strict=True))
            return f"{walked} against {stated} at {at}"
    return formula


CLAIMS: Mapping[str, Claim] = MappingProxyType(
    {
        claim.__name__: claim
        for claim in (
            alexnet_speedup,
            printed_complexity_ratio,
            ratio_of_printed,
            googlenet_printed_ops,
            macs_ratio,
            speedup_of_a_quarter,
            cost_of_width,
            macs_at_scale,
            guideline_1,
            guideline_2,
            resnext_equation_4,
            separable_share,
        )
    }
)
