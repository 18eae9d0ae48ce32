"""Exact expressions in sizes: polynomials over sizes and over floors of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Any, TypeAlias, TypeVar


@dataclass(frozen=True)
class Floor:
    """⌊(times·of + plus) / by⌋, where `of` is a size by its name or a floor."""

    of: Atom
    times: int
    plus: int
    by: int

    def value(self, values: Mapping[str, Any]) -> Any:
        """At sizes that are ints, or arrays of them."""
        return (self.times * value_of(self.of, values) + self.plus) // self.by


_T = TypeVar("_T")
Atom: TypeAlias = str | Floor
# Atoms with their powers, in a fixed order; () is 1.
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]


def _in_order(items: Iterable[_T]) -> tuple[_T, ...]:
    several = tuple(items)
    return tuple(sorted(several, key=repr)) if len(several) > 1 else several


def value_of(atom: Atom, values: Mapping[str, Any]) -> Any:
    """The value of an atom at sizes by name."""
    return values[atom] if isinstance(atom, str) else atom.value(values)


def root(atom: Atom) -> str:
    """The size that an atom depends on."""
    while isinstance(atom, Floor):
        atom = atom.of
    return atom


@dataclass(frozen=True)
class Expression:
    """A sum of monomials with rational coefficients, none of them 0; whole at every valid size."""

    terms: tuple[tuple[Monomial, Fraction], ...]

    @classmethod
    def of(cls, terms: Mapping[Monomial, Fraction]) -> Expression:
        """The expression with these terms, in a fixed order, without those that are 0."""
        return cls(_in_order((monomial, factor) for monomial, factor in terms.items() if factor))

    def __add__(self, other: Expression) -> Expression:
        return total((self, other))

    def __mul__(self, other: Expression) -> Expression:
        terms: dict[Monomial, Fraction] = {}
        for left, factor in self.terms:
            for right, by in other.terms:
                powers = dict(left)
                for atom, power in right:
                    powers[atom] = powers.get(atom, 0) + power
                monomial = _in_order(powers.items())
                terms[monomial] = terms.get(monomial, Fraction(0)) + factor * by
        return Expression.of(terms)

    def times(self, factor: Fraction | int) -> Expression:
        """Every coefficient times `factor`."""
        return Expression.of({monomial: number * factor for monomial, number in self.terms})

    def value(self, values: Mapping[str, Any]) -> Any:
        """At sizes by name: an int, or an array of them where sizes are arrays."""
        whole, terms = self._whole_terms
        result: Any = 0
        known: dict[Atom, Any] = {}
        for monomial, product in terms:
            for atom, power in monomial:
                if atom not in known:
                    known[atom] = value_of(atom, values)
                product = product * known[atom] ** power
            result = result + product
        return result if whole == 1 else result // whole

    @cached_property
    def _whole_terms(self) -> tuple[int, list[tuple[Monomial, Any]]]:
        """The terms with whole factors, and by what they are to be divided."""
        whole = lcm(*(factor.denominator for _, factor in self.terms))
        return whole, [(monomial, int(factor * whole)) for monomial, factor in self.terms]

    @property
    def atoms(self) -> list[Atom]:
        """Everything that it depends on, each once."""
        return list(dict.fromkeys(atom for monomial, _ in self.terms for atom, _ in monomial))

    @cached_property
    def line(self) -> tuple[Atom, Fraction, Fraction] | None:
        """(x, a, b) where the expression is a·x + b with one atom x; None for any other."""
        powers = [monomial for monomial, _ in self.terms if monomial]
        if len(powers) != 1 or len(powers[0]) != 1 or powers[0][0][1] != 1:
            return None
        factors = dict(self.terms)
        return powers[0][0][0], factors[powers[0]], factors.get((), Fraction(0))


def values_at(expressions: Iterable[Expression], sizes: Mapping[str, int]) -> list[int]:
    """The value of each, of which many are one."""
    known: dict[int, int] = {}
    values = []
    for expression in expressions:
        key = id(expression)
        if key not in known:
            known[key] = expression.value(sizes)
        values.append(known[key])
    return values


def constant(number: Fraction | int) -> Expression:
    """A number."""
    return Expression.of({(): Fraction(number)})


def atom(value: Atom) -> Expression:
    """A size, or a floor."""
    return Expression((((((value, 1),), Fraction(1))),))


def total(parts: Iterable[Expression]) -> Expression:
    """The sum."""
    terms: dict[Monomial, Fraction] = {}
    for part in parts:
        for monomial, factor in part.terms:
            terms[monomial] = terms.get(monomial, Fraction(0)) + factor
    return Expression.of(terms)


@dataclass(frozen=True)
class Residue:
    """Sizes that leave `rest` when they are divided by `step`; all of them where `step` is 1."""

    step: int = 1
    rest: int = 0

    def meets(self, other: Residue) -> bool:
        """Whether a size leaves both rests."""
        return (self.rest - other.rest) % gcd(self.step, other.step) == 0


def floored(
    line: Expression, plus: int, by: int, residues: Mapping[str, Residue]
) -> Expression | None:
    """⌊(line + plus) / by⌋ for a line a·x + b, as short as it is written; None where it is none.

    Floors of floors are one floor, and where sizes leave a known rest the division is exact.
    """
    parts = line.line
    if parts is None:
        return None
    x, slope, offset = parts
    # (h/4 + plus) / by is (h + 4·plus) / (4·by).
    whole = lcm(slope.denominator, offset.denominator)
    if whole > 1 and not isinstance(x, str):
        return None
    return _floor(x, int(slope * whole), int((offset + plus) * whole), by * whole, residues)


def scaled(line: Expression, slope: Fraction, offset: Fraction) -> Expression | None:
    """slope·line + offset for a line, with an offset alone as a part of what can be multiplied."""
    parts = line.line
    if parts is None:
        return None
    x, times, plus = parts
    times, plus = slope * times, slope * plus + offset
    if isinstance(x, Floor) and x.by == 1:
        times, plus, x = times * x.times, plus + times * x.plus, x.of
    if times == 1 and plus and plus.denominator == 1:
        return atom(_shifted(x, int(plus)))
    return atom(x).times(times) + constant(plus)


def _shifted(x: Atom, plus: int) -> Floor:
    if isinstance(x, Floor):
        return Floor(x.of, x.times, x.plus + plus * x.by, x.by)
    return Floor(x, 1, plus, 1)


def _floor(x: Atom, times: int, plus: int, by: int, residues: Mapping[str, Residue]) -> Expression:
    if isinstance(x, Floor) and x.by == 1:
        return _floor(x.of, times * x.times, plus + times * x.plus, by, residues)
    common = gcd(times, by)
    times, plus, by = times // common, plus // common, by // common
    if isinstance(x, Floor) and times == 1:
        # ⌊(⌊a/q⌋ + p)/s⌋ = ⌊(a + p·q)/(q·s)⌋
        return _floor(x.of, x.times, x.plus + plus * x.by, x.by * by, residues)
    if isinstance(x, str):
        residue = residues.get(x, Residue())
        if times * residue.step % by == 0:
            over = (times * residue.rest + plus) % by
            offset = Fraction(plus - over, by)
            if times != by or not offset:
                return atom(x).times(Fraction(times, by)) + constant(offset)
        plus = _plain(times * residue.rest, plus, gcd(times * residue.step, by), by)
    elif by == 1:
        return atom(x).times(times) + constant(plus)
    return atom(Floor(x, times, plus, by))


def _plain(rest: int, plus: int, step: int, by: int) -> int:
    """Of all offsets that give the same floor, as x + rest is a multiple of `step`, the plainest.

    Those are 0 and by - 1, of ⌊x/by⌋ and ⌈x/by⌉.
    """
    least = plus - (rest + plus) % step
    alike = range(least, least + step)
    return next((offset for offset in (0, by - 1) if offset in alike), plus)
