"""Closed forms: those typed in from the papers, and the terms of a walk over symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.metric import MetricName, find_metric
from shufflenet_flops.counting.table import BYTES, Grouping, Table, layer_table
from shufflenet_flops.spec import Node, Shape
from shufflenet_flops.spec.numbers import exact_div

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class ClosedForm:
    """A unit's cost as a paper prints it: `text` for people, `macs(c, m, g, h, w)` to compute."""

    text: str
    source: str
    macs: Callable[[Any, Any, Any, Any, Any], Any]


_SOURCE = "ShuffleNet V1, section 3.2"

# Input c x h x w, bottleneck channels m, g groups; typed from the paper, not derived from the spec.
CLOSED_FORMS: Mapping[str, ClosedForm] = MappingProxyType(
    {
        "resnet": ClosedForm(
            "hw(2cm+9m²)",
            _SOURCE,
            lambda c, m, g, h, w: h * w * (2 * c * m + 9 * m * m),
        ),
        "resnext": ClosedForm(
            "hw(2cm+9m²/g)",
            _SOURCE,
            lambda c, m, g, h, w: h * w * (2 * c * m + exact_div(9 * m * m, g)),
        ),
        "shufflenet": ClosedForm(
            "hw(2cm/g+9m)",
            _SOURCE,
            lambda c, m, g, h, w: h * w * (exact_div(2 * c * m, g) + 9 * m),
        ),
    }
)


@dataclass(frozen=True)
class PaperForm:
    """One metric of a unit as a paper prints it; `value` takes the unit's variables by name."""

    text: str
    source: str
    value: Callable[[Mapping[str, Any]], Any]


def _of_unit(form: ClosedForm) -> PaperForm:
    return PaperForm(
        form.text, form.source, lambda v: form.macs(v["c"], v["m"], v.get("g", 1), v["h"], v["w"])
    )


def _resnext_weights(v: Mapping[str, Any]) -> Any:
    d = v["m"] / v["g"]
    return v["g"] * (v["c"] * d + 3 * 3 * d * d + d * v["c"])


# By unit and metric, with stride 1. Memory access is printed in elements, of 4 bytes here.
PAPER_FORMS: Mapping[tuple[str, MetricName], PaperForm] = MappingProxyType(
    {
        **{(unit, "macs"): _of_unit(form) for unit, form in CLOSED_FORMS.items()},
        ("resnext", "weights"): PaperForm(
            "C(cd+9d²+dc), C=g, d=m/g", "ResNeXt, equation 4", _resnext_weights
        ),
        ("conv", "macs"): PaperForm(
            "k²·c·n·hw",
            "MobileNet V1, equation 2",
            lambda v: v["k"] ** 2 * v["c"] * v["n"] * v["h"] * v["w"],
        ),
        ("mobilenet", "macs"): PaperForm(
            "k²·c·hw+c·n·hw",
            "MobileNet V1, equation 5",
            lambda v: (v["k"] ** 2 * v["c"] + v["c"] * v["n"]) * v["h"] * v["w"],
        ),
        ("pointwise", "macs"): PaperForm(
            "B = hw·c·n/g",
            "ShuffleNet V2, guideline G2",
            lambda v: v["h"] * v["w"] * v["c"] * v["n"] / v["g"],
        ),
        ("pointwise", "memory_bytes"): PaperForm(
            "hw(c+n)+cn/g elements",
            "ShuffleNet V2, guidelines G1 (g=1) and G2",
            lambda v: BYTES * (v["h"] * v["w"] * (v["c"] + v["n"]) + v["c"] * v["n"] / v["g"]),
        ),
    }
)

# By unit, the unit it is set against, and metric: the ratio of the two.
PAPER_RATIOS: Mapping[tuple[str, str, MetricName], PaperForm] = MappingProxyType(
    {
        ("mobilenet", "conv", "macs"): PaperForm(
            "1/N+1/k²", "MobileNet V1, section 3.1", lambda v: 1 / v["n"] + 1 / v["k"] ** 2
        )
    }
)


def walk_macs(node: Node, x: Shape) -> Any:
    """Multiply-accumulates of `node` on input shape `x`: an int, an expression or an array."""
    return layer_table(node, x).macs


def symbols() -> tuple[sympy.Symbol, ...]:
    """The positive integer symbols c, m, g, h, w of the papers' unit formulas."""
    return tuple(symbol(name) for name in "cmghw")


def symbol(name: str) -> sympy.Symbol:
    """A positive integer symbol."""
    import sympy

    return sympy.Symbol(name, integer=True, positive=True)


def terms_of(table: Table, metric: MetricName, by: Grouping) -> dict[str, Any]:
    """The metric's non-zero part of each group of layers, in order of first appearance."""
    parts = {name: find_metric(metric).of(part.rows) for name, part in table.by(by).items()}
    return {name: part for name, part in parts.items() if part != 0}


def grouped(terms: Iterable[sympy.Expr], render: Callable[[sympy.Expr], str]) -> str:
    """The sum of terms as papers write it: the map size h*w once before the part it multiplies.

    Each term keeps its place, so that it can be recognised, and is factored by itself where that is
    shorter; what is equal to a part of an earlier term but for a coefficient is added to that.
    `render` turns an expression into text, for which `h*w*(…)` must be a product.
    """
    import sympy

    h, w = symbol("h"), symbol("w")
    per_position: list[sympy.Expr] = []
    rest: list[sympy.Expr] = []
    for term in _like_joined(terms):
        inside = term.coeff(h, 1).coeff(w, 1)
        per_position.append(shortest(inside))
        rest.append(shortest(sympy.expand(term - inside * h * w)))
    inner = [term for term in per_position if term != 0]
    outer = [render(term) for term in rest if term != 0]
    if len(inner) == 1:
        return _joined([render(h * w * inner[0]), *outer])
    if inner:
        bracket = f"({_joined(render(term) for term in inner)})"
        if render is sympy.latex:
            bracket = rf"\left{bracket[:-1]}\right)"
        map_size = render(h * w)
        product = f"{map_size}*{bracket}" if "*" in map_size else f"{map_size} {bracket}"
        return _joined([product, *outer])
    return _joined(outer) or "0"


def _like_joined(terms: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """The terms, expanded, with equal monomials added up in the first term that has one."""
    import sympy

    sums: list[dict[sympy.Expr, sympy.Expr]] = []
    home: dict[sympy.Expr, dict[sympy.Expr, sympy.Expr]] = {}
    for term in terms:
        own: dict[sympy.Expr, sympy.Expr] = {}
        sums.append(own)
        for monomial, coefficient in sympy.expand(term).as_coefficients_dict().items():
            place = home.setdefault(monomial, own)
            place[monomial] = place.get(monomial, 0) + coefficient
    return [
        sympy.Add(*(coefficient * monomial for monomial, coefficient in own.items()))
        for own in sums
    ]


def shortest(expression: sympy.Expr) -> sympy.Expr:
    """The expression factored or expanded, whichever takes fewer operations."""
    import sympy

    return min(
        (sympy.factor(expression), sympy.expand(expression)),
        key=lambda form: form.count_ops(),
    )


def _joined(terms: Iterable[str]) -> str:
    return " + ".join(terms).replace("+ -", "- ")
