"""What is asked of formulas: derivatives, where one part overtakes another, the largest size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.expression import Expression, Monomial
from shufflenet_flops.closed_form.sized import Sizes

# No size of interest is larger: a picture or a text of more than sixteen million.
LARGEST = 2**24


@dataclass(frozen=True)
class Overtaking:
    """From the size `at` on, `after` is the largest part, and no longer `before`."""

    at: int
    before: str
    after: str


def derivative(expression: Expression, name: str) -> Expression:
    """By a size, of an expression without floors of it."""
    terms: dict[Monomial, Fraction] = {}
    for monomial, factor in expression.terms:
        powers = dict(monomial)
        power = powers.pop(name, 0)
        if power > 1:
            powers[name] = power - 1
        key = tuple(sorted(powers.items(), key=repr))
        terms[key] = terms.get(key, Fraction(0)) + power * factor
    return Expression.of(terms)


def along(domain: Domain, name: str, at: Sizes) -> Callable[[int], Sizes]:
    """The sizes with another value of one of them, and of that which is tied to it."""

    def sizes(value: int) -> Sizes:
        tied = domain.square if domain.square and name in domain.square else (name,)
        return {**at, **dict.fromkeys(tied, value)}

    return sizes


def overtakings(
    parts: Mapping[str, Expression], domain: Domain, name: str, at: Sizes
) -> list[Overtaking]:
    """Where another part becomes the largest as one size grows, the others being as in `at`.

    Two parts that change places twice within a tenth of a size are not told apart.
    """
    given, sizes = domain.ranges[name], along(domain, name, at)

    def largest(steps: int) -> str:
        values = sizes(given.least + steps * given.step)
        return max(parts, key=lambda part: parts[part].value(values))

    def leaves(part: str, steps: int) -> bool:
        values = sizes(given.least + steps * given.step)
        return any(other.value(values) > parts[part].value(values) for other in parts.values())

    found = []
    for low, high in pairwise(_grid(given)):
        before, after = largest(low), largest(high)
        if before != after:
            steps = first(partial(leaves, before), low, high)
            found.append(Overtaking(given.least + steps * given.step, before, after))
    return found


def _grid(given: Range) -> list[int]:
    """Steps of a range, each about a tenth farther than the one before."""
    last = ((given.most or LARGEST) - given.least) // given.step
    steps = [0]
    while steps[-1] < last:
        steps.append(min(last, steps[-1] + 1 + steps[-1] // 10))
    return steps


def first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least count for which `holds`, which does not at `low` and does at `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
