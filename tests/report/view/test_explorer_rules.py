"""The explorer's rules are those of the units: the same settings refused, in the same words."""

from __future__ import annotations

from operator import add, floordiv, mul, sub
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops import zoo
from shufflenet_flops.errors import SpecError
from shufflenet_flops.report.view.explorer_rules import Expression, expression_of, rules_of
from shufflenet_flops.zoo.units import UNIT_NAMES, bottleneck

OPERATIONS = {"+": add, "-": sub, "*": mul, "//": floordiv}
FAMILIES = {unit: zoo.find_family(f"{unit}_unit") for unit in UNIT_NAMES}
RULES, AUTO_RULES = (
    {
        unit: rules_of(family.build, [name for name in variables if name in family.options])
        for unit, family in FAMILIES.items()
    }
    for variables in ("cmghw", "cghw")
)


def number(expression: Expression, sizes: dict[str, int]) -> int:
    """The value of an expression."""
    if isinstance(expression, list):
        operation, a, b = expression
        return OPERATIONS[operation](number(a, sizes), number(b, sizes))
    return sizes[expression] if isinstance(expression, str) else expression


def problem(rules: list[dict[str, Any]], sizes: dict[str, int]) -> str:
    """The sentence of the first rule that is broken, as the page makes it."""
    for rule in rules:
        size, by = number(rule["size"], sizes), number(rule["by"], sizes)
        if size % by:
            pieces = rule["below" if size < by else "above"]
            return "".join(
                str(number(piece, sizes)) if i % 2 else piece for i, piece in enumerate(pieces)
            )
    return ""


def refused(unit: str, sizes: dict[str, int]) -> str:
    """What the unit itself says."""
    family = FAMILIES[unit]
    try:
        family.build(**{name: size for name, size in sizes.items() if name in family.options})
    except SpecError as error:
        return str(error)
    return ""


@given(
    st.sampled_from(UNIT_NAMES),
    st.integers(1, 300),
    st.integers(1, 100),
    st.integers(1, 40),
)
def test_a_bottleneck_that_is_given(unit: str, c: int, m: int, g: int) -> None:
    """Most settings are wrong, in one way or another."""
    sizes = {"c": c, "m": m, "g": g}

    assert problem(RULES[unit], sizes) == refused(unit, sizes)


@given(st.sampled_from(UNIT_NAMES), st.integers(1, 300), st.integers(1, 40), st.booleans())
def test_a_bottleneck_that_follows(unit: str, c: int, g: int, fits: bool) -> None:
    """A quarter of the channels."""
    sizes = {"c": 4 * g * c if fits else c, "g": g}

    assert problem(AUTO_RULES[unit], sizes) == refused(unit, sizes)


@pytest.mark.parametrize(("c", "m"), [(240, 60), (7, 1)])
def test_the_bottleneck_that_follows(c: int, m: int) -> None:
    """As the unit itself works it out."""
    auto = expression_of(lambda c, g: bottleneck(c, None, g, 1), ["c", "g"])

    assert number(auto, {"c": c, "g": 3}) == m
