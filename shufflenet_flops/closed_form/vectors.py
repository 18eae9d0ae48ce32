"""Values at the sizes of several traces: products, quotients, and the lines through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

Vector = tuple[int, ...]
MOST_DIVISORS = 256


def divided(values: Vector, by: Vector) -> Vector | None:
    """The quotients, where all are whole."""
    if any(v % x if x else 1 for v, x in zip(values, by, strict=True)):
        return None
    return tuple(v // x for v, x in zip(values, by, strict=True))


def multiplied(factors: Sequence[Vector]) -> Vector:
    """The products."""
    result = list(factors[0])
    for factor in factors[1:]:
        result = [a * b for a, b in zip(result, factor, strict=True)]
    return tuple(result)


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


def fitting(u: Vector, values: Vector, times: int) -> Iterator[tuple[int, int, int]]:
    """(s, low, high) where ⌊(times·u + a)/s⌋ has these values for every a from low to high."""
    pairs = [(times * x, v) for x, v in zip(u, values, strict=True)]
    for by in _divisors(u, values, times):
        rests = [by * v - x for x, v in pairs]
        low, high = max(rests), min(rests) + by - 1
        if low <= high:
            yield by, low, high


def _divisors(u: Vector, values: Vector, times: int) -> range:
    """The s for which times/s may be the slope of the values over u."""
    least, most = u.index(min(u)), u.index(max(u))
    dx, dv = times * (u[most] - u[least]), values[most] - values[least]
    if dv < 0:
        return range(0)
    # dx/s differs by less than one from dv.
    first = max(1, dx // (dv + 1))
    return range(first, min(dx // max(1, dv - 1), first + MOST_DIVISORS) + 1)
