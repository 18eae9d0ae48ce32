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
from math import gcd

from shufflenet_flops.closed_form.expression import (
    Expression,
    Residue,
    atom,
    constant,
    floored,
    root,
    scaled,
)
from shufflenet_flops.closed_form.parts import PartsOfLines
from shufflenet_flops.closed_form.vectors import (
    Slopes,
    Vector,
    affine_product,
    divided,
    fitting,
)

MOST_TIMES = 4
MOST_DOUBTS = 4


class UnexplainedError(ValueError):
    """Values that no expression of the kinds that are tried gives."""


@dataclass(frozen=True)
class Open:
    """An extent of which the values so far leave a choice: both give them."""

    one: Expression
    other: Expression

    def is_open_at(self, sizes: Mapping[str, int]) -> bool:
        """Whether both give the same there too."""
        return bool(self.one.value(sizes) == self.other.value(sizes))


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
    no_line: dict[Vector, int] = field(default_factory=dict)
    slopes: Slopes = field(default_factory=Slopes)
    parts: PartsOfLines = field(init=False)

    def __post_init__(self) -> None:
        self.parts = PartsOfLines(self.residues)
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

    def know(self, expression: Expression) -> None:
        """Get to know an expression that was found at some of the sizes."""
        values = tuple(int(expression.value(point)) for point in self.points)
        if len(set(values)) > 1:
            self.known.setdefault(values, expression)

    def _is_line(self, values: Vector) -> bool:
        if values not in self.known and self.no_line.get(values) != len(self.known):
            found = (
                self._product(values, (), 1)
                or self._floor_of_line(values, ())
                or self._product(values, (), 2)
            )
            if found is None:
                self.no_line[values] = len(self.known)
            else:
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
                or self._sum_of_sizes(values)
                or self._multiple(values)
                or self._product(values, near, 3)
                or self._of_unseen(values)
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
        for u in self._near_lines(near):
            line = self.known[u]
            if u == values or (u, values) in self.doubted:
                continue
            self.doubted.add((u, values))
            if root(line.atoms[0]) == root(found.atoms[0]):
                self.open += [
                    Open(found, other)
                    for by, low, high in islice(fitting(u, values, 1), MOST_DOUBTS)
                    for plus in (0, by - 1)
                    if low <= plus <= high
                    and (other := floored(line, plus, by, self.residues))
                    and other != found
                ]

    def _lines(self, near: Sequence[Vector]) -> tuple[list[Vector], list[Vector]]:
        """Those known that are a line in one size or floor: the near ones, and all, last first."""
        lines = [u for u, expression in self.known.items() if expression.line]
        return self._near_lines(near), lines[::-1]

    def _near_lines(self, near: Sequence[Vector]) -> list[Vector]:
        return [u for u in dict.fromkeys(near) if u in self.known and self.known[u].line]

    def _floor_of_line(self, values: Vector, near: Sequence[Vector]) -> Expression | None:
        """⌊(t·u + a) / s⌋ of a line u that is known."""
        for lines in self._lines(near):
            for times in range(1, MOST_TIMES + 1):
                sloped = [(u, found) for u in lines if (found := self.slopes.of(u, values, times))]
                # Where it is open which: without padding, or with as much as it takes.
                for plain in (True, False) if sloped else ():
                    for u, slopes in sloped:
                        line = self.known[u].times(times)
                        floor = self._floor_of(line, slopes, plain)
                        if floor is not None:
                            return floor
        return None

    def _floor_of(
        self, line: Expression, slopes: Sequence[tuple[int, int, int]], plain: bool
    ) -> Expression | None:
        for by, low, high in slopes:
            plus = next((a for a in (0, by - 1) if low <= a <= high), None if plain else low)
            found = None if plus is None else floored(line, plus, by, self.residues)
            if found is not None:
                ends = {(by, low), (by, high)}
                # What divides it is open too, as far as the others are as plain.
                for other, least, most in slopes:
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
            found = affine_product(factors, values)
            if found is not None and self._is_whole(factors, *found):
                return self._written(factors, *found)
        return None

    def _sum_of_sizes(self, values: Vector) -> Expression | None:
        """u + v + b of two sizes, as of new tokens behind those of a cache."""
        for one, other in combinations(self.points[0], 2):
            rests = {
                v - point[one] - point[other] for v, point in zip(values, self.points, strict=True)
            }
            if len(rests) == 1:
                return atom(one) + atom(other) + constant(rests.pop())
        return None

    def _multiple(self, values: Vector) -> Expression | None:
        """r·X of a line that no row shows by itself, as of a map that is padded for windows."""
        common = gcd(*values)
        line = tuple(v // common for v in values) if common > 1 else ()
        return self.known[line].times(common) if line and self._is_line(line) else None

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
        if number > 1:
            for lines in by_size.values():
                others = [name for name, theirs in by_size.items() if theirs is not lines]
                for names in combinations(others, number - 2):
                    for rest in product(*(by_size[name] for name in names)):
                        yield from ((u, u, *rest) for u in lines)

    def _of_unseen(self, values: Vector) -> Expression | None:
        """r·X·Y, or n times that, of floors that no row shows by themselves: windows, patches."""
        sizes = [u for u, one in self.known.items() if isinstance(one.line and one.line[0], str)]
        ones = (1,) * len(values)
        for of in (ones, *sizes):
            whole = divided(values, of)
            for more in (0, 1) if whole else ():  # a token that stands for the whole
                rest = tuple(v - more for v in whole or ())
                found = self._of_two(rest)
                if found is not None:
                    found += constant(more)
                    return found if of == ones else found * self.known[of]
        return None

    def _of_two(self, values: Vector) -> Expression | None:
        """r·X·Y of a part X of what is known, and a line Y."""
        lines = {u: self.known[u] for u in self._lines(())[1]}
        for first, parts in self.parts.of(lines).items() if all(values) else ():
            second = divided(values, first)
            if second is not None and len(set(second)) > 1:
                common = gcd(*second)
                second = tuple(y // common for y in second)
                written = list(self.parts.written(parts, lines)) if self._is_line(second) else ()
                if written:
                    one, *others = written
                    self.open += [Open(one, other) for other in others[:MOST_DOUBTS]]
                    return one * self.known[second].times(common)
        return None

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
