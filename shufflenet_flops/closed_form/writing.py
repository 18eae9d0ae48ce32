"""Expressions as text that people read, as text that sympy parses, and in LaTeX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

from shufflenet_flops.closed_form.expression import (
    Atom,
    Expression,
    Floor,
    Monomial,
    Residue,
    atom,
    constant,
    floored,
    root,
)
from shufflenet_flops.counting.closed_forms import symbol

if TYPE_CHECKING:
    import sympy

    from shufflenet_flops.closed_form.domain import Domain, Range
    from shufflenet_flops.closed_form.model_formula import ModelFormula


@dataclass(frozen=True)
class Style:
    """How numbers, products and floors are written; `floor` and `ceiling` take their text."""

    times: str
    power: str
    fraction: str
    floor: str
    ceiling: str
    bracket: str
    thousands: str


PEOPLE = Style("·", "{}^{}", "{}/{}", "⌊{}⌋", "⌈{}⌉", "({})", ",")
SYMPY = Style("*", "{}**{}", "{}/{}", "floor({})", "ceiling({})", "({})", "")
LATEX = Style(
    r" \, ",
    "{}^{{{}}}",
    r"\frac{{{}}}{{{}}}",
    r"\left\lfloor {} \right\rfloor",
    r"\left\lceil {} \right\rceil",
    r"\left({}\right)",
    r"{,}",
)


def written(expression: Expression, style: Style) -> str:
    """The expression with what many terms share pulled out: `n·(9,408·⌈h/2⌉·⌈w/2⌉ + …) + …`."""
    terms = sorted(expression.terms, key=_place)
    shared = _shared(terms)
    inner = [term for term in terms if dict(term[0]).keys() >= shared.keys()]
    if len(inner) < 2 or not shared:
        return _sum(terms, style)
    rest = [(_without(monomial, shared), factor) for monomial, factor in inner]
    outside = style.times.join(_powers(_sorted(shared.items()), style))
    text = f"{outside}{style.times}{style.bracket.format(_sum(rest, style))}"
    return _sum([term for term in terms if term not in inner], style, text)


def _shared(terms: Sequence[tuple[Monomial, Fraction]]) -> dict[Atom, int]:
    """What all terms share, or else the size by itself, such as the batch, that most have."""
    powers = [dict(monomial) for monomial, _ in terms]
    shared = dict(powers[0]) if powers else {}
    for others in powers:
        shared = {x: min(power, others[x]) for x, power in shared.items() if x in others}
    if shared:
        return shared
    counts = Counter(x for monomial in powers for x, power in monomial.items() if power == 1)
    alone = [
        x for x in counts if isinstance(x, str) and all(other.get(x, 1) == 1 for other in powers)
    ]
    return {max(alone, key=lambda x: counts[x]): 1} if alone else {}


def _without(monomial: Monomial, shared: Mapping[Atom, int]) -> Monomial:
    left = ((x, power - shared.get(x, 0)) for x, power in monomial)
    return tuple((x, power) for x, power in left if power)


def _place(term: tuple[Monomial, Fraction]) -> tuple[int, list[tuple[int, str]]]:
    """Terms of many factors first, then those of large maps."""
    monomial, _ = term
    return -sum(power for _, power in monomial), [_size(x) for x, _ in _sorted(monomial)]


def _size(x: Atom) -> tuple[int, str]:
    return (x.by, repr(x.of)) if isinstance(x, Floor) else (0, x)


def _sorted(powers: Iterable[tuple[Atom, int]]) -> list[tuple[Atom, int]]:
    return sorted(powers, key=lambda power: (*_size(power[0]), repr(power[0])))


def _sum(terms: Sequence[tuple[Monomial, Fraction]], style: Style, text: str = "") -> str:
    for monomial, factor in terms:
        if not text:
            text = _term(monomial, factor, style)
        else:
            text += f" {'-' if factor < 0 else '+'} {_term(monomial, abs(factor), style)}"
    return text or "0"


def _term(monomial: Monomial, factor: Fraction, style: Style) -> str:
    powers = _powers(_sorted(monomial), style)
    number = f"{factor.numerator:,}".replace(",", style.thousands)
    if factor.denominator == 1:
        if powers and abs(factor) == 1:
            return ("-" if factor < 0 else "") + style.times.join(powers)
        return style.times.join([number, *powers])
    below = f"{factor.denominator:,}".replace(",", style.thousands)
    above = [number, *powers] if abs(factor.numerator) != 1 or not powers else powers
    text = style.fraction.format(style.times.join(above), below)
    return f"-{text}" if factor.numerator == -1 and powers else text


def _powers(powers: Sequence[tuple[Atom, int]], style: Style) -> list[str]:
    return [
        style.power.format(_atom(x, style), power) if power > 1 else _atom(x, style)
        for x, power in powers
    ]


def _atom(x: Atom, style: Style) -> str:
    if isinstance(x, str):
        return x
    of = _atom(x.of, style)
    inside = of if x.times == 1 else f"{x.times}{style.times}{of}"
    if x.by == 1:
        return style.bracket.format(f"{inside} {'+' if x.plus > 0 else '-'} {abs(x.plus)}")
    # ⌊(h + 33)/32⌋ is ⌈(h + 2)/32⌉; of the two, what adds least is written.
    is_ceiling = abs(x.plus - x.by + 1) < abs(x.plus)
    plus = x.plus - (x.by - 1 if is_ceiling else 0)
    if plus:
        inside = f"{inside} {'+' if plus > 0 else '-'} {abs(plus)}"
        inside = inside if style is LATEX else f"({inside})"
    text = style.fraction.format(inside, x.by)
    return (style.ceiling if is_ceiling else style.floor).format(text)


def for_sympy(expression: Expression) -> tuple[sympy.Expr, dict[str, sympy.Symbol]]:
    """The expression for sympy, and its symbols, positive whole numbers, by name."""
    import sympy

    symbols = {root(x): symbol(root(x)) for x in expression.atoms}
    return sympy.sympify(written(expression, SYMPY), locals=symbols), symbols


def for_cases(
    formula: ModelFormula, asked: Mapping[str, Range | None]
) -> tuple[sympy.Expr, dict[str, sympy.Symbol]]:
    """The formula for sympy, and its symbols by name.

    It is a Piecewise where it has cases, and where it ends though no end was `asked` of that size.
    """
    import sympy

    ranges = formula.domain.ranges
    ends = [name for name in ranges if ranges[name].most is not None and asked.get(name) is None]
    if not (formula.others or ends):
        return for_sympy(formula.expression)
    symbols = {name: symbol(name) for name in formula.domain.ranges}
    pieces = [
        (for_sympy(case.expression)[0], sympy.And(*_conditions(case.domain, symbols)))
        for case in formula.cases
    ]
    return sympy.Piecewise(*pieces), symbols


def _conditions(
    domain: Domain, symbols: Mapping[str, sympy.Symbol]
) -> Iterator[sympy.logic.boolalg.Boolean]:
    import sympy

    for name, given in domain.ranges.items():
        yield symbols[name] >= given.least
        if given.most is not None:
            yield symbols[name] <= given.most
        if given.step > 1:
            yield sympy.Eq(sympy.Mod(symbols[name], given.step), given.residue.rest)
        for residue in given.without:
            yield sympy.Ne(sympy.Mod(symbols[name], residue.step), residue.rest)


def total_stride(expression: Expression) -> dict[str, int]:
    """For each size, what divides it where every floor in it is exact; 1 for those in none."""
    strides: dict[str, int] = {}
    for x in expression.atoms:
        by = 1
        while isinstance(x, Floor):
            by *= x.by
            x = x.of
        strides[x] = lcm(strides.get(x, 1), by)
    return strides


def divided(expression: Expression, strides: Mapping[str, int]) -> Expression:
    """The expression where sizes are multiples of their strides, without floors."""
    residues = {name: Residue(step, 0) for name, step in strides.items()}
    result = constant(0)
    for monomial, factor in expression.terms:
        term = constant(factor)
        for x, power in monomial:
            for _ in range(power):
                term = term * _exact(x, residues)
        result = result + term
    return result


def _exact(x: Atom, residues: Mapping[str, Residue]) -> Expression:
    if isinstance(x, str):
        return atom(x)
    inside = _exact(x.of, residues).times(x.times) + constant(x.plus)
    if x.by == 1:
        return inside
    found = floored(inside, 0, x.by, residues)
    assert found is not None, "a floor of a line"
    return found
