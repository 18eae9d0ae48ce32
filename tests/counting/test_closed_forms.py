"""Closed forms: the symbolic walk against the papers, the int walk and torch."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.counting import layer_table
from shufflenet_flops.counting.closed_forms import PAPER_FORMS, grouped, symbol
from shufflenet_flops.counting.metric import TOTALS, MetricName
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.derivative import changes, derivative
from shufflenet_flops.design.formula import (
    SIZE_STEP,
    derive,
    evaluate,
    ratio,
)
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.trace.trace import trace
from shufflenet_flops.zoo.designs import Design, design_names, find_design, find_unit
from tests.support.zoo_names import by_speed


@pytest.mark.parametrize(("unit", "metric"), PAPER_FORMS)
def test_every_form_that_a_paper_prints_is_what_the_walk_gives(
    unit: str, metric: MetricName
) -> None:
    assert derive(find_unit(unit), metric, {}).matches_paper is True


def test_mobilenets_reduction_ratio() -> None:
    found = ratio(
        derive(find_unit("mobilenet"), "macs", {}),
        derive(find_unit("conv"), "macs", {}),
        {"k": 3, "n": 512},
    )

    assert found.matches_paper is True
    assert str(found.expression) == "1/n + k**(-2)"
    assert found.value == Fraction(1, 512) + Fraction(1, 9)


def test_a_ratio_is_as_short_as_it_can_be_said() -> None:
    found = ratio(
        derive(find_unit("shufflenet"), "macs", {}), derive(find_unit("resnet"), "macs", {}), {}
    )

    assert str(found.expression) == "(2*c + 9*g)/(g*(2*c + 9*m))"
    assert (found.paper, found.matches_paper, found.value) == (None, None, None)


def test_guideline_g1_is_g2_with_one_group_and_g2_has_two_ways_to_say_it() -> None:
    """ShuffleNet V2, equations 1 and 2, in elements of four bytes."""
    c, n, g, h, w = map(symbol, "cnghw")
    one_group = derive(find_unit("pointwise"), "memory_bytes", {"g": 1})
    b = h * w * c * n / g

    assert sympy.expand(one_group.expression / 4 - (h * w * (c + n) + c * n)) == 0
    assert one_group.matches_paper is True
    second = h * w * c + b * g / c + b / (h * w)
    expression = derive(find_unit("pointwise"), "memory_bytes", {}).expression
    assert sympy.cancel(expression / 4 - second) == 0


def test_a_form_that_is_not_the_papers_is_told_apart() -> None:
    """With stride 2 the unit is another one, and no paper prints it; a wrong form differs."""
    shuffle = derive(find_unit("shufflenet"), "macs", {})
    resnext = PAPER_FORMS["resnext", "macs"]

    assert derive(find_unit("shufflenet"), "macs", {"stride": 2}).matches_paper is None
    assert sympy.cancel(shuffle.expression - resnext.value(shuffle.variables)) != 0


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("resnet", "h*w*(2*c*m + 9*m**2)"),
        ("resnext", "h*w*(2*c*m + 9*m**2/g)"),
        ("shufflenet", "h*w*(2*c*m/g + 9*m)"),
    ],
)
def test_the_text_is_grouped_as_the_paper_writes_it(unit: str, text: str) -> None:
    formula = derive(find_unit(unit), "macs", {})

    assert formula.text == text
    assert formula.latex.startswith(r"h w \left(")


@pytest.mark.parametrize("name", design_names())
@pytest.mark.parametrize("metric", ["macs", "params", "memory_bytes"])
def test_the_text_parses_back_to_the_expression(name: str, metric: MetricName) -> None:
    formula = derive(find_design(name), metric, {})
    free = {str(found): found for found in formula.expression.free_symbols}

    assert sympy.expand(sympy.sympify(formula.text, free) - formula.expression) == 0


def test_terms_without_the_map_size_stay_outside_the_bracket() -> None:
    c, h, w = map(symbol, "chw")

    assert grouped([h * w * c, 2 * h * w, c**2], str) == "h*w*(c + 2) + c**2"
    assert grouped([c], str) == "c"
    assert grouped([h * w * (c + 2), 3 * h * w * c, c], str) == "h*w*(4*c + 2) + c"
    assert grouped([], str) == "0"


def test_every_zoo_family_has_a_formula() -> None:
    assert [derive(find_design(name), "macs", {}).text for name in zoo.families()]


_NAMES = st.sampled_from(design_names())


@st.composite
def configurations(draw: st.DrawFn) -> tuple[Design, dict[str, int]]:
    """A design and numbers for it that make a network, small enough to build."""
    design = find_design(draw(_NAMES))
    numbers = {}
    if "g" in design.variables:
        numbers["g"] = draw(st.sampled_from([1, 2, 3, 4, 8]))
    if "stride" in design.variables:
        numbers["stride"] = draw(st.sampled_from([1, 2]))
    if "k" in design.variables:
        numbers["k"] = draw(st.sampled_from([1, 3, 5]))
    if "classes" in design.variables:
        numbers["classes"] = draw(st.integers(1, 50))
    smallest = 8 if design.unit else 3
    step = design.step(numbers)
    # From two steps on: groups of one channel leave nothing to shuffle, as one group does.
    numbers["c"] = step * draw(st.integers(2, max(2, 400 // step)))
    numbers["h"], numbers["w"] = (SIZE_STEP * draw(st.integers(smallest, 8)) for _ in range(2))
    if design.name == "vit":  # its position embedding is for one resolution
        numbers["h"] = numbers["w"] = 224
    if design.name == "shufflenet_v1":
        numbers["stem"] = design.fill(numbers)["stem"]  # rounded, which no closed form is
    return design, numbers


@settings(max_examples=60, deadline=None)
@given(configurations(), st.sampled_from(["macs", "params", "activations", "memory_bytes"]))
def test_symbolic_is_numeric_is_traced(
    case: tuple[Design, dict[str, int]], metric: MetricName
) -> None:
    """For every family: the formula with numbers put in, the int walk, and torch's run."""
    design, numbers = case
    network = design.build(**design.fill(numbers))
    table = layer_table(network.spec, network.input)
    traced = trace(build(network.spec).to("meta"), _meta(network.input)).table

    assert totals(network.spec, network.input) == {
        metric: getattr(table, metric) for metric in TOTALS
    }
    assert (traced.macs, traced.activations) == (table.macs, table.activations)
    expression = derive(design, metric, numbers).expression
    filled = _values(design, numbers)
    value = expression.subs({free: filled[str(free)] for free in expression.free_symbols})
    assert value == evaluate(design, metric, numbers).total


def _meta(shape: tuple[int, ...]) -> object:
    import torch

    return torch.empty(shape, device="meta")


def _values(design: Design, numbers: dict[str, int]) -> dict[str, sympy.Expr]:
    """What a formula's symbols stand for: a network's width is s times the published one."""
    filled = dict(design.fill(numbers))
    if not design.unit:
        published = design.fill({"g": numbers["g"]} if "g" in numbers else {})["c"]
        filled["s"] = sympy.Rational(numbers["c"], published)
        filled["c"] = published
    return filled


def test_the_derivative_and_the_largest_term() -> None:
    formula = derive(find_unit("shufflenet"), "macs", {})
    c, m, g, h, w = map(symbol, "cmghw")

    assert sympy.cancel(sum(derivative(formula, "g")) + 2 * c * m * h * w / g**2) == 0
    (change,) = changes(formula, "g", {})
    assert (str(change.at), change.after) == ("2*c/9", "depthwise conv")
    (change,) = changes(formula, "g", {"c": 240, "m": 60, "h": 28, "w": 28})
    assert (change.at, change.before) == (sympy.Rational(160, 3), "grouped pointwise conv")


def test_largest_terms_of_a_network_change_where_their_values_cross() -> None:
    design = find_design("shufflenet_v1")
    numbers = {"g": 3, "h": 224, "w": 224, "classes": 1000}
    formula = derive(design, "macs", numbers)
    s = next(free for free in formula.expression.free_symbols if str(free) == "s")

    for change in changes(formula, "s", numbers):
        values = {symbol(name): value for name, value in numbers.items()} | {s: change.at}
        parts = {kind: term.subs(values) for kind, term in formula.terms.items()}
        assert parts[change.before] == parts[change.after] == max(parts.values())


@pytest.mark.parametrize("name", list(map(by_speed, zoo.names())))
def test_a_published_variant_is_its_family_at_its_width(name: str) -> None:
    """All but the few whose widths are rounded one by one."""
    model = zoo.find(name)
    if "rounding" in model.options:
        with pytest.raises(InputError, match="rounded one by one"):
            find_design(name)
        return
    design = find_design(name)
    network = design.build(**design.fill({}))

    assert totals(network.spec, network.input) == totals(model.spec, model.input)


def test_numbers_that_make_no_network_are_refused() -> None:
    with pytest.raises(SpecError, match="4·g=12"):
        evaluate(find_unit("shufflenet"), "macs", {"c": 250, "g": 3})
