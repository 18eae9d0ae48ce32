"""One model's closed form divided by another's over the same sizes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

from shufflenet_flops.closed_form.domain import Domain, met_domain
from shufflenet_flops.closed_form.expression import Atom, Expression, Monomial
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.closed_form.writing import divided, total_stride
from shufflenet_flops.errors import InputError


@dataclass(frozen=True)
class ModelRatio:
    """`over` divided by `under` at the sizes `at`, and as a quotient where `strides` divide.

    `numerator` and `denominator` have no factor in common. Both formulas hold on `domain`.
    """

    over: ModelFormula
    under: ModelFormula
    domain: Domain
    strides: Sizes
    numerator: Expression
    denominator: Expression
    at: Sizes

    @property
    def value(self) -> Fraction:
        """Exactly, at those sizes."""
        return Fraction(self.over.value(self.at), self.under.value(self.at))


def model_ratio(over: ModelFormula, under: ModelFormula, at: Sizes) -> ModelRatio:
    """The ratio of two formulas over the same sizes, in the cases for `at`.

    Raises InputError where either is not for those sizes, and where `under` counts nothing.
    """
    a, b = over.case(at), under.case(at)
    if not b.expression.terms:
        raise InputError(
            f"{b.model}: has none of what is counted, so that nothing is a ratio to it"
        )
    strides = {
        name: lcm(*(total_stride(one.expression).get(name, 1) for one in (a, b)))
        for name in a.domain.ranges
    }
    numerator, denominator = _reduced(*(divided(one.expression, strides) for one in (a, b)))
    domain = met_domain([a.domain, b.domain])
    return ModelRatio(a, b, domain, strides, numerator, denominator, at)


def _reduced(over: Expression, under: Expression) -> tuple[Expression, Expression]:
    """Both without the factor that all terms of both share."""
    terms = (*over.terms, *under.terms)
    shared = reduce(_common, (dict(monomial) for monomial, _ in terms))
    whole = lcm(*(factor.denominator for _, factor in terms))
    number = Fraction(gcd(*(int(factor * whole) for _, factor in terms)), whole)
    return _without(over, shared, number), _without(under, shared, number)


def _common(powers: dict[Atom, int], others: dict[Atom, int]) -> dict[Atom, int]:
    return {x: min(power, others[x]) for x, power in powers.items() if x in others}


def _without(expression: Expression, shared: dict[Atom, int], number: Fraction) -> Expression:
    def left(monomial: Monomial) -> Monomial:
        powers = ((x, power - shared.get(x, 0)) for x, power in monomial)
        return tuple((x, power) for x, power in powers if power)

    return Expression.of({left(monomial): factor / number for monomial, factor in expression.terms})
