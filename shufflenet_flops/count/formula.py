"""Closed forms typed in from the papers, and the symbolic walk that must simplify to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from shufflenet_flops.count.row import MAC_CLASSES
from shufflenet_flops.spec import Node, Number, Shape, walk
from shufflenet_flops.spec.numbers import exact_div

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class ClosedForm:
    """A unit's cost as a paper prints it: `text` for people, `macs(c, m, g, h, w)` to compute."""

    text: str
    source: str
    macs: Callable[[Number, Number, Number, Number, Number], Number]


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


def walk_macs(node: Node, x: Shape) -> Number:
    """Multiply-accumulates of `node` on input shape `x`: an int, an expression or an array."""
    return sum(
        count
        for visit in walk(node, x)
        for op_class, count in visit.op.counts(visit.inputs, visit.output).items()
        if op_class in MAC_CLASSES
    )


def symbols() -> tuple[sympy.Symbol, ...]:
    """The positive integer symbols c, m, g, h, w of the papers' unit formulas."""
    import sympy

    return tuple(sympy.Symbol(name, integer=True, positive=True) for name in "cmghw")
