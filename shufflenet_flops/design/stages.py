"""A network's closed form stage by stage, in letters of each stage's own, as papers write units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.closed_forms import symbol
from shufflenet_flops.counting.metric import Metric
from shufflenet_flops.counting.row import Row
from shufflenet_flops.counting.table import Table
from shufflenet_flops.design.stage_letters import Letters, Product

if TYPE_CHECKING:
    import sympy

Render = Callable[["sympy.Expr"], str]
# More units than these that differ are not told apart in a stage.
MOST_UNITS = 3


@dataclass(frozen=True)
class Repeated:
    """`times` units of the same form: `per_position` is multiplied by the map, `rest` is not."""

    times: int
    per_position: tuple[sympy.Expr, ...]
    rest: tuple[sympy.Expr, ...]


@dataclass(frozen=True)
class StageForm:
    """One stage of a network; `letters` are its own, each as what it is of the network's.

    h and w are the stage's output map, or t its tokens; c its output channels, c_in those of its
    input, and m those in between. `map_size` is the product of the former, or 1. The network's own
    letters are capital: H and W of its input, C of the last stage as published; s is its width.
    """

    name: str
    letters: Mapping[str, sympy.Expr]
    map_size: sympy.Expr
    units: tuple[Repeated, ...]

    @property
    def expression(self) -> sympy.Expr:
        """The whole stage, in its letters."""
        return sum(
            unit.times * (self.map_size * sum(unit.per_position) + sum(unit.rest))
            for unit in self.units
        )

    @property
    def in_network(self) -> sympy.Expr:
        """The whole stage, in the network's letters."""
        return self.expression.subs(
            {symbol(name): of for name, of in self.letters.items()}, simultaneous=True
        )

    def text(self, render: Render, times: str = "*") -> str:
        """As people write it: the map size once, and equal units once with their number."""
        inner = [(unit.times, unit.per_position) for unit in self.units if unit.per_position]
        outer = [(unit.times, unit.rest) for unit in self.units if unit.rest]
        parts = []
        if len(inner) == 1 and len(inner[0][1]) == 1:
            ((number, (term,)),) = inner
            parts.append(render(number * self.map_size * term))
        elif inner:
            parts.append(_pulled(inner, self.map_size, render, times))
        if outer:
            parts.append(_added(outer, render, times))
        return _sum(parts)


def _pulled(
    units: Sequence[tuple[int, Sequence[sympy.Expr]]],
    map_size: sympy.Expr,
    render: Render,
    times: str,
) -> str:
    number = units[0][0] if len(units) == 1 else 1
    body = _added(units, render, times) if len(units) > 1 else _sum(map(render, units[0][1]))
    return times.join([*([str(number)] * (number > 1)), render(map_size), f"({body})"])


def _added(units: Iterable[tuple[int, Sequence[sympy.Expr]]], render: Render, times: str) -> str:
    parts: list[str] = []
    for number, terms in units:
        if len(terms) > 1 and (number > 1 or parts):  # so that one sees where the next unit begins
            several = f"{number}{times}" if number > 1 else ""
            parts.append(f"{several}({_sum(map(render, terms))})")
        else:
            parts += [render(number * term) for term in terms]
    return _sum(parts)


def _sum(parts: Iterable[str]) -> str:
    return " + ".join(parts).replace("+ -", "- ") or "0"


def stage_forms(
    table: Table, metric: Metric, in_network: Mapping[sympy.Symbol, sympy.Expr]
) -> list[StageForm]:
    """The form of every stage that has any of the metric.

    `table` is a walk over symbols, in which the published width is C; `in_network` says what those
    of sizes are in the network's capital letters.
    """
    forms = []
    for name, stage in table.by("stage").items():
        units = [
            [row for row in unit.rows if metric.of([row]) != 0]
            for unit in stage.by("unit").values()
        ]
        if any(units):
            letters = Letters.of(stage.rows, in_network)
            forms.append(_form(name, [unit for unit in units if unit], letters, metric))
    return forms


def _form(name: str, units: Sequence[Sequence[Row]], letters: Letters, metric: Metric) -> StageForm:
    import sympy

    written = [
        _like_joined(product for row in unit for product in letters.written(row, metric))
        for unit in units
    ]
    if len(set(written)) > MOST_UNITS and letters.emits:
        return _form(name, units, replace(letters, emits=False), metric)
    if len(set(written)) > MOST_UNITS:
        written = [_like_joined(product for unit in written for product in unit)]
    repeated = tuple(
        Repeated(
            times,
            tuple(rest for on_map, rest in unit if on_map),
            tuple(rest for on_map, rest in unit if not on_map),
        )
        for unit, times in Counter(written).items()
    )
    size = sympy.Mul(*map(symbol, letters.axes))
    form = StageForm(name, {}, size, repeated)
    used = form.expression.free_symbols
    defined = {letter: of for letter, of in letters.defined().items() if symbol(letter) in used}
    return StageForm(name, defined, size, repeated)


def _like_joined(products: Iterable[Product]) -> tuple[Product, ...]:
    """The products, with those that differ by a coefficient alone added up in the first's place."""
    sums: dict[tuple[bool, sympy.Expr], Any] = {}
    for on_map, product in products:
        coefficient, rest = product.as_coeff_Mul()
        sums[on_map, rest] = sums.get((on_map, rest), 0) + coefficient
    return tuple((on_map, number * rest) for (on_map, rest), number in sums.items() if number)
