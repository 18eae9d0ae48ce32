"""What a closed form says about one of its variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from shufflenet_flops.counting.closed_forms import symbol
from shufflenet_flops.design.formula import Formula
from shufflenet_flops.errors import InputError

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Crossing:
    """Where a variable passes `at`, the largest term is `after` and no longer `before`."""

    at: sympy.Expr
    before: str
    after: str


def derivative(formula: Formula, name: str) -> list[sympy.Expr]:
    """The partial derivative of each term by the variable called `name`."""
    import sympy

    x = _variable(formula, name)
    return [sympy.diff(term, x) for term in formula.terms.values()]


def _variable(formula: Formula, name: str) -> sympy.Symbol:
    free = {variable.name: variable for variable in formula.expression.free_symbols}
    if name not in free:
        raise InputError(
            f"--wrt {name}: the formula has {', '.join(sorted(free)) or 'no variable'}"
        )
    return free[name]


def changes(formula: Formula, name: str, numbers: Mapping[str, int]) -> list[Crossing]:
    """Where another term becomes the largest as one variable grows.

    With two terms this is a closed form; with more, the other variables must be numbers, and
    otherwise nothing is returned.
    """
    import sympy

    # Free of `integer`, as two terms may be equal between two whole numbers.
    x = sympy.Dummy(name, positive=True)
    swap = {_variable(formula, name): x}
    values = {symbol(key): value for key, value in numbers.items() if key != name}
    terms = {kind: term.subs(swap).subs(values) for kind, term in formula.terms.items()}
    if any(term.free_symbols - {x} for term in terms.values()):
        return _symbolic_changes(terms, x)
    crossings = set()
    for a, b in combinations(terms.values(), 2):
        numerator = sympy.numer(sympy.together(a - b))
        if numerator.has(x):
            crossings |= {root for root in sympy.Poly(numerator, x).real_roots() if root > 0}
    points = [sympy.Integer(0), *sorted(crossings)]
    largest = []
    for low, high in pairwise([*points, 2 * points[-1] + 1]):
        middle = (low + high) / 2
        largest.append(max(terms, key=lambda kind: float(terms[kind].subs(x, middle))))
    return [
        Crossing(sympy.nsimplify(at), before, after)
        for at, (before, after) in zip(points[1:], pairwise(largest), strict=True)
        if before != after
    ]


def _symbolic_changes(terms: Mapping[str, sympy.Expr], x: sympy.Symbol) -> list[Crossing]:
    import sympy

    if len(terms) != 2:
        return []
    (first, a), (second, b) = terms.items()
    quotient = sympy.cancel(a / b)
    roots = [root for root in sympy.solve(quotient - 1, x) if root.is_positive is not False]
    if len(roots) != 1:
        return []
    grows = sympy.diff(quotient, x).is_positive
    return [Crossing(roots[0], *((second, first) if grows else (first, second)))]
