"""Values at the sizes of several traces: products, quotients, and the lines through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise, permutations
from math import prod
from typing import TypeAlias

Vector = tuple[int, ...]
MOST_DIVISORS = 256
MOST_CHOICES = 16


def divided(values: Vector, by: Vector) -> Vector | None:
    """The quotients, where all are whole."""
    if not by[0] or values[0] % by[0]:  # of most it is seen at once
        return None
    if any(v % x if x else 1 for v, x in zip(values, by, strict=True)):
        return None
    return tuple(v // x for v, x in zip(values, by, strict=True))


def affine(u: Sequence[int], values: Sequence[int]) -> tuple[Fraction, Fraction] | None:
    """(r, b) where every value is r·u + b."""
    where = next((i for i, x in enumerate(u) if x != u[0]), None)
    if where is None:
        return None
    dx, dv = u[where] - u[0], values[where] - values[0]
    if not all((v - values[0]) * dx == (x - u[0]) * dv for x, v in zip(u, values, strict=True)):
        return None
    slope = Fraction(dv, dx)
    return slope, values[0] - slope * u[0]


def affine_product(factors: Sequence[Vector], values: Vector) -> tuple[Fraction, Fraction] | None:
    """(r, b) where every value is r·u·v + b with these factors."""
    if len(factors) == 1:
        return affine(factors[0], values)
    x, y, z = factors[0][0], factors[0][1], factors[0][-1]
    for factor in factors[1:]:
        x, y, z = x * factor[0], y * factor[1], z * factor[-1]
    # Of most the ends tell.
    if (values[1] - values[0]) * (z - x) != (values[-1] - values[0]) * (y - x):
        return None
    return affine(tuple(map(prod, zip(*factors, strict=True))), values)


def fitting(u: Vector, values: Vector, times: int) -> Iterator[tuple[int, int, int]]:
    """(s, low, high) where ⌊(times·u + a)/s⌋ has these values for every a from low to high."""
    pairs = [(times * x, v) for x, v in zip(u, values, strict=True)]
    for by in _divisors(u, values, times):
        rests = [by * v - x for x, v in pairs]
        low, high = max(rests), min(rests) + by - 1
        if low <= high:
            yield by, low, high


def _divisors(u: Vector, values: Vector, times: int) -> range:
    """The s with which some a gives all values, up to so many.

    It does where s·v - t·x of no value v and x exceeds that of another by s or more: for every two
    of them a bound of s, from below or from above.
    """
    least, most = 1, times * (max(u) - min(u)) + MOST_DIVISORS
    for (x, v), (y, w) in permutations(zip(u, values, strict=True), 2):
        rise, run = v - w - 1, times * (x - y) - 1
        if rise > 0:
            most = min(most, run // rise)
        elif rise < 0:
            least = max(least, -(run // -rise))
        elif run < 0:
            return range(0)
        if least > most:
            return range(0)
    return range(least, min(most, least + MOST_DIVISORS) + 1)


# Places of values, each with the next larger, and whether the two are equal.
Order: TypeAlias = Sequence[tuple[int, int, bool]]


def _order(values: Vector) -> Order:
    """How the values follow upon one another, from the smallest to the largest."""
    places = sorted(range(len(values)), key=values.__getitem__)
    return [(low, high, values[low] == values[high]) for low, high in pairwise(places)]


def _follows(values: Vector, ordered: Order) -> bool:
    """Whether the values never fall where the ordered ones rise, and are equal where they are."""
    return all(
        values[low] == values[high] if is_equal else values[low] <= values[high]
        for low, high, is_equal in ordered
    )


@dataclass
class Slopes:
    """What `fitting` finds for lines and values, each worked out once."""

    found: dict[tuple[Vector, Vector, int], list[tuple[int, int, int]]] = field(
        default_factory=dict
    )
    orders: dict[Vector, Order] = field(default_factory=dict)

    def of(self, u: Vector, values: Vector, times: int) -> list[tuple[int, int, int]]:
        """The first MOST_CHOICES of them."""
        key = u, values, times
        if key not in self.found:
            if u not in self.orders:
                self.orders[u] = _order(u)
            found = fitting(u, values, times) if _follows(values, self.orders[u]) else ()
            self.found[key] = list(islice(found, MOST_CHOICES))
        return self.found[key]
