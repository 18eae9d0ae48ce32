"""Intervals of exact integers: a walk over them proves that a walk over int64 cannot overflow.

Every operation returns an interval that holds all results the operation can have on numbers from
its operands' intervals. The array walk runs the very same expressions, so each of its intermediate
numbers lies in the interval that this walk meets at the same place: where no interval leaves int64,
no array element can. The ends are Python ints, which have no limit of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INT64_MAX = 2**63 - 1


class MayOverflowError(ArithmeticError):
    """An intermediate number may leave int64; not a proof that it does."""


@dataclass(frozen=True, eq=False)
class Bound:
    """All integers from `low` to `high`."""

    low: int
    high: int

    # What `spec.numbers` asks of a symbol; an interval can decide neither.
    is_zero = None
    is_negative = None

    def __post_init__(self) -> None:
        if self.high > INT64_MAX or self.low < -INT64_MAX:
            raise MayOverflowError

    def __add__(self, other: Bound | int) -> Bound:
        low, high = _ends(other)
        return Bound(self.low + low, self.high + high)

    def __sub__(self, other: Bound | int) -> Bound:
        low, high = _ends(other)
        return Bound(self.low - high, self.high - low)

    def __rsub__(self, other: int) -> Bound:
        return Bound(other, other) - self

    def __neg__(self) -> Bound:
        return 0 - self

    def __mul__(self, other: Bound | int) -> Bound:
        products = [a * b for a in (self.low, self.high) for b in _ends(other)]
        return Bound(min(products), max(products))

    def __floordiv__(self, other: Bound | int) -> Bound:
        quotients = [a // b for a in (self.low, self.high) for b in _divisor(other)]
        return Bound(min(quotients), max(quotients))

    def __rfloordiv__(self, other: int) -> Bound:
        return Bound(other, other) // self

    def __mod__(self, other: Bound | int) -> Bound:
        return Bound(0, _divisor(other)[1] - 1)

    def __rmod__(self, other: int) -> Bound:
        return Bound(other, other) % self

    # As an array's: a comparison of every number, which here may come out either way.
    def __lt__(self, other: Bound | int) -> Bound:
        return Bound(0, 1)

    def __ne__(self, other: object) -> Any:
        return Bound(0, 1)

    def __and__(self, other: Bound | bool) -> Bound:
        return Bound(0, 1)

    __gt__ = __le__ = __ge__ = __lt__
    __rand__ = __and__
    __radd__ = __add__
    __rmul__ = __mul__
    # An exact division's result lies within the rounded one's interval.
    __truediv__ = __floordiv__
    __rtruediv__ = __rfloordiv__


def _ends(value: Bound | int) -> tuple[int, int]:
    return (value.low, value.high) if isinstance(value, Bound) else (value, value)


def _divisor(value: Bound | int) -> tuple[int, int]:
    """A divisor's ends; the walk refuses configurations where it is less than 1."""
    low, high = _ends(value)
    return max(low, 1), max(high, 1)
