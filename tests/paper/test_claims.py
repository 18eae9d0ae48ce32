"""Claims and formulas of the texts, proved on symbols and computed on the printed tables."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy

from shufflenet_flops.counting import walk_macs
from shufflenet_flops.paper import claims
from shufflenet_flops.paper.claims import (
    CLAIMS,
    alexnet_speedup,
    cost_of_width,
    guideline_1,
    guideline_2,
    memory_access,
    resnext_equation_4,
    separable_share,
    speedup_of_a_quarter,
)
from shufflenet_flops.paper.errata import errata
from shufflenet_flops.paper.reproduce import quoted_figure
from shufflenet_flops.spec import Add, Conv2d, Identity, ReLU


def pointwise(groups: int | None = 1) -> tuple[sympy.Expr, sympy.Expr, list[sympy.Symbol]]:
    """Memory access and MACs of a 1x1 convolution on c1 x h x w; with None, in g groups."""
    h, w, c1, c2, g = symbols = sympy.symbols("h w c1 c2 g", integer=True, positive=True)
    conv = Conv2d(c1, c2, groups=g if groups is None else groups)
    return memory_access(conv, (1, c1, h, w)), walk_macs(conv, (1, c1, h, w)), symbols


def test_g1_bounds_the_memory_access_of_a_pointwise_convolution() -> None:
    """hw(c1+c2) + c1c2 >= 2 sqrt(hwB) + B/hw, with equality at c1 = c2 alone."""
    access, work, (h, w, c1, c2, _) = pointwise()
    excess = sympy.simplify(access - 2 * sympy.sqrt(h * w * work) - work / (h * w))

    assert sympy.expand(access - (h * w * (c1 + c2) + c1 * c2)) == 0
    assert sympy.simplify(excess - h * w * (sympy.sqrt(c1) - sympy.sqrt(c2)) ** 2) == 0
    assert excess.subs(c2, c1) == 0
    assert excess.subs({h: 56, w: 56, c1: 128, c2: 256}) > 0


def test_g2_memory_access_grows_with_groups_at_fixed_work() -> None:
    """hw c1 + B g/c1 + B/hw, whose derivative in g, with c1 and B fixed, is positive."""
    access, work, (h, w, c1, _, g) = pointwise(groups=None)
    b = sympy.Symbol("B", positive=True)
    stated = h * w * c1 + b * g / c1 + b / (h * w)

    assert sympy.simplify(access - stated.subs(b, work)) == 0
    assert sympy.diff(stated, g).is_positive


def test_g4_element_wise_operations_access_memory_for_no_multiply_accumulate() -> None:
    c, h, w = sympy.symbols("c h w", integer=True, positive=True)
    x = (1, c, h, w)
    shortcut = Add((("a", Identity()), ("b", Identity())))
    depthwise = Conv2d(c, c, 3, 1, 1, groups=c)

    assert sympy.expand(memory_access(ReLU, x) - 2 * h * w * c) == 0
    assert sympy.expand(memory_access(shortcut, x) - 3 * h * w * c) == 0
    assert sympy.expand(memory_access(depthwise, x) - (2 * h * w * c + 9 * c)) == 0
    assert (walk_macs(ReLU, x), walk_macs(shortcut, x)) == (0, 0)
    assert sympy.expand(walk_macs(depthwise, x) - 9 * h * w * c) == 0


@pytest.mark.parametrize(
    ("found", "printed"),
    [
        (guideline_1("access", quoted_figure), "hw(c1+c2) + c1c2"),
        (guideline_1("bound", quoted_figure), ">= 2 sqrt(hwB) + B/hw"),
        (guideline_2("access", quoted_figure), "hw(c1+c2) + c1c2/g"),
        (guideline_2("work", quoted_figure), "hwc1 + Bg/c1 + B/hw"),
        (resnext_equation_4("", quoted_figure), "C(256d + 3*3*d*d + d*256)"),
        (separable_share("", quoted_figure), "1/N + 1/D_K^2"),
        (cost_of_width("", quoted_figure), "s^2"),
    ],
)
def test_formulas_as_printed(found: str, printed: str) -> None:
    assert found == printed


def test_a_formula_that_the_walk_does_not_give_is_not_echoed() -> None:
    """The proof can fail, at a point that lies on both sides' curves for one value of each less."""

    def sides(c: int, d: int) -> tuple[Fraction, Fraction]:
        return Fraction(c * d**2), Fraction(c * (3 * d - 2))

    assert claims._proved("c(3d-2)", sides, "c d", 1) == "c(3d-2)"  # of a degree that is too low
    assert claims._proved("c(3d-2)", sides, "c d", 2) == "9 against 7 at c=1, d=3"


@pytest.mark.parametrize(
    ("at", "speedup"),
    [("224x224", 12.105), ("480x640", 13.235), ("720x1280", 13.971), ("mean", 13.104)],
)
def test_speedup_over_alexnet(at: str, speedup: float) -> None:
    assert float(alexnet_speedup(at, quoted_figure)) == pytest.approx(speedup, abs=5e-4)


@pytest.mark.parametrize(("at", "speedup"), [("raw", 2.672), ("scaled", 2.823)])
def test_speedup_of_a_quarter(at: str, speedup: float) -> None:
    assert float(speedup_of_a_quarter(at, quoted_figure)) == pytest.approx(speedup, abs=5e-4)


def test_claims_are_found_by_their_function_s_name() -> None:
    assert all(name == claim.__name__ for name, claim in CLAIMS.items())


def test_errata_carry_the_figures() -> None:
    text = " ".join(f"{erratum.where} {erratum.finding}" for erratum in errata())

    for figure in (
        "1.91 %",
        "99.29 %",
        "533.83 M",
        "567",
        "1,508,965",
        "3.858e9",
        "4.089e9",
        "12.1x",
        "544",
        "832.67 M",
        "1502 M",
    ):
        assert figure in text
