"""What every extent of a shape is as a function of the sizes, found from its values.

An extent is a floor of a line in one that is known (a stride, a pool, a patch), a multiple, or a
product of several (tokens of a map, windows of a batch), and constants added. Several traces give
a vector of values for each, of which few expressions are left; what they leave open is told, so
that the next trace can settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, combinations, combinations_with_replacement, islice, product

from shufflenet_flops.closed_form.expression import (
    Expression,
    Residue,
    atom,
    constant,
    floored,
    root,
    scaled,
)

Vector = tuple[int, ...]
MOST_TIMES = 4
MOST_DIVISORS = 256
MOST_CHOICES = 16
MOST_DOUBTS = 4


class UnexplainedError(ValueError):
    """Values that no expression of the kinds that are tried gives."""


@dataclass(frozen=True)
class Open:
    """An extent of which the values so far leave a choice: both give them."""

    one: Expression
    other: Expression


@dataclass
class Extents:
    """Expressions by the values that they have at the sizes of the traces, in the order met."""

    points: Sequence[Mapping[str, int]]
    residues: Mapping[str, Residue]
    known: dict[Vector, Expression] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    doubted: set[tuple[Vector, Vector]] = field(default_factory=set)
    # How much was known when no expression was found.
    failed: dict[Vector, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.points[0]:
            self.known[tuple(point[name] for point in self.points)] = atom(name)

    def learn(self, vectors: Iterable[Vector]) -> None:
        """Get to know all of these that can be explained, from those that come first on."""
        left = [values for values in dict.fromkeys(vectors) if len(set(values)) > 1]
        while True:
            still = [values for values in left if not self._is_line(values)]
            if len(still) == len(left):
                return
            left = still

    def _is_line(self, values: Vector) -> bool:
        if values not in self.known:
            found = self._product(values, (), 1) or self._floor_of_line(values, ())
            if found is not None:
                self.known[values] = found
        return values in self.known

    def of(self, values: Vector, near: Sequence[Vector] = ()) -> Expression:
        """The expression with these values; `near` are those that it may have come from.

        Raises UnexplainedError.
        """
        if len(set(values)) == 1:
            return constant(values[0])
        if values not in self.known:
            if self.failed.get(values) == len(self.known):
                raise UnexplainedError(_told(values))
            found = (
                self._product(values, near, 1)
                or self._floor_of_line(values, near)
                or self._product(values, near, 2)
                or self._product(values, near, 3)
            )
            if found is None:
                self.failed[values] = len(self.known)
                raise UnexplainedError(_told(values))
            self.known[values] = found
        self._doubt(values, near)
        return self.known[values]

    def _doubt(self, values: Vector, near: Sequence[Vector]) -> None:
        """Open what the values may be too: a plain floor of an extent of the same row."""
        found = self.known[values]
        if not found.line:
            return
        for u in self._lines(near)[0]:
            line = self.known[u]
            if u == values or (u, values) in self.doubted:
                continue
            self.doubted.add((u, values))
            if root(line.atoms[0]) == root(found.atoms[0]):
                self.open += [
                    Open(found, other)
                    for by, low, high in islice(_fitting(u, values, 1), MOST_DOUBTS)
                    for plus in (0, by - 1)
                    if low <= plus <= high
                    and (other := floored(line, plus, by, self.residues))
                    and other != found
                ]

    def _lines(self, near: Sequence[Vector]) -> tuple[list[Vector], list[Vector]]:
        """Those known that are a line in one size or floor: the near ones, and all, last first."""
        lines = [u for u, expression in self.known.items() if expression.line]
        close = [u for u in dict.fromkeys(near) if u in self.known and self.known[u].line]
        return close, lines[::-1]

    def _floor_of_line(self, values: Vector, near: Sequence[Vector]) -> Expression | None:
        """⌊(t·u + a) / s⌋ of a line u that is known."""
        for lines in self._lines(near):
            for times in range(1, MOST_TIMES + 1):
                # Where it is open which: without padding, or with as much as it takes.
                for plain in (True, False):
                    for u in lines:
                        found = self._floor_of(u, values, times, plain)
                        if found is not None:
                            return found
        return None

    def _floor_of(self, u: Vector, values: Vector, times: int, plain: bool) -> Expression | None:
        line = self.known[u].times(times)
        fitting = list(islice(_fitting(u, values, times), MOST_CHOICES))
        for by, low, high in fitting:
            plus = next((a for a in (0, by - 1) if low <= a <= high), None if plain else low)
            found = None if plus is None else floored(line, plus, by, self.residues)
            if found is not None:
                ends = {(by, low), (by, high)}
                # What divides it is open too, as far as the others are as plain.
                for other, least, most in fitting:
                    range_of = (0, other - 1) if plain else (least, most)
                    ends |= {(other, a) for a in range_of if least <= a <= most}
                others = (floored(line, a, by, self.residues) for by, a in sorted(ends))
                self.open += [Open(found, other) for other in others if other and other != found]
                return found
        return None

    def _product(self, values: Vector, near: Sequence[Vector], number: int) -> Expression | None:
        """r·u·v + b, with so many factors, of what is known."""
        close = [u for u in dict.fromkeys(near) if u in self.known]
        choices = chain(
            combinations_with_replacement(close, number), self._of_each_size(near, number)
        )
        for factors in choices:
            found = _affine(_multiplied(factors), values)
            if found is not None and self._is_whole(factors, *found):
                return self._written(factors, *found)
        return None

    def _is_whole(self, factors: Sequence[Vector], slope: Fraction, offset: Fraction) -> bool:
        """Whether slope·line + offset is a whole number at every size; of products it is taken."""
        if len(factors) > 1:
            return True
        line = scaled(self.known[factors[0]], slope, offset)
        parts = line.line if line else None
        if parts is None:
            return True
        x, times, plus = parts
        residue = self.residues.get(x, Residue()) if isinstance(x, str) else Residue()
        return all(
            number.denominator == 1
            for number in (times * residue.step, times * residue.rest + plus)
        )

    def _of_each_size(self, near: Sequence[Vector], number: int) -> Iterator[tuple[Vector, ...]]:
        """Lines in as many different sizes, and each by itself, as in the square of a length."""
        by_size: dict[str, list[Vector]] = {name: [] for name in self.points[0]}
        for u in self._lines(near)[1]:
            by_size[root(self.known[u].atoms[0])].append(u)
        for chosen in combinations(by_size.values(), number):
            yield from product(*chosen)
        if number == 2:
            yield from ((u, u) for lines in by_size.values() for u in lines)

    def _written(self, factors: Sequence[Vector], slope: Fraction, offset: Fraction) -> Expression:
        if len(factors) == 1:
            line = scaled(self.known[factors[0]], slope, offset)
            if line is not None:
                return line
        written = constant(slope)
        for factor in factors:
            written = written * self.known[factor]
        return written + constant(offset)


def _told(values: Vector) -> str:
    return f"an extent of {', '.join(map(str, values))}"


def _multiplied(factors: Sequence[Vector]) -> Vector:
    result = list(factors[0])
    for factor in factors[1:]:
        result = [a * b for a, b in zip(result, factor, strict=True)]
    return tuple(result)


def _affine(u: Sequence[int], values: Sequence[int]) -> tuple[Fraction, Fraction] | None:
    """(r, b) where every value is r·u + b."""
    where = next((i for i, x in enumerate(u) if x != u[0]), None)
    if where is None:
        return None
    dx, dv = u[where] - u[0], values[where] - values[0]
    if not all((v - values[0]) * dx == (x - u[0]) * dv for x, v in zip(u, values, strict=True)):
        return None
    slope = Fraction(dv, dx)
    return slope, values[0] - slope * u[0]


def _fitting(u: Vector, values: Vector, times: int) -> Iterator[tuple[int, int, int]]:
    """(s, low, high) where ⌊(times·u + a)/s⌋ has these values for every a from low to high."""
    for by in _divisors(u, values, times):
        rests = [by * v - times * x for x, v in zip(u, values, strict=True)]
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
