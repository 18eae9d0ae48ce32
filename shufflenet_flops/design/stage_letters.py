"""The letters of a network's stage, and what a layer counts in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.closed_forms import symbol
from shufflenet_flops.counting.metric import Metric
from shufflenet_flops.counting.row import MAC_KINDS, Row
from shufflenet_flops.counting.table import Table

if TYPE_CHECKING:
    import sympy

Product = tuple[bool, "sympy.Expr"]  # whether it is multiplied by the stage's map, and by what


def scale() -> sympy.Symbol:
    """The width of a network, relative to the published one."""
    import sympy

    return sympy.Symbol("s", positive=True)


def capitals() -> dict[sympy.Symbol, sympy.Expr]:
    """The network's own letters for those of `derive`: H, W for h, w and C for the width c."""
    return {symbol(name): symbol(name.upper()) for name in "hwc"}


@dataclass(frozen=True)
class Letters:
    """The letters of a stage: of its map by axis, and of its widths that go by the network's.

    With `emits` a width may be what is left of c where the input is joined to it, as in ShuffleNet.
    """

    axes: Mapping[str, sympy.Expr]
    widths: Mapping[str, sympy.Expr]
    in_network: Mapping[sympy.Symbol, sympy.Expr]
    emits: bool = True

    @classmethod
    def of(cls, rows: Sequence[Row], in_network: Mapping[sympy.Symbol, sympy.Expr]) -> Letters:
        import sympy

        last = ([row for row in rows if len(row.output) > 2] or rows)[-1]
        names = {2: ("h", "w"), 1: ("t",)}.get(len(_map(last.output)), ())
        out, into = _width(last.output), _width(rows[0].inputs[0])
        _first, *later = Table(tuple(rows)).by("unit").values()
        repeats = {_width(row.output) for unit in later for row in unit.rows}
        between = Counter(
            width
            for row in rows
            if row.kind in MAC_KINDS and (width := _width(row.output)) != out
            # The first unit's are its input's, as of a depthwise convolution.
            if width != into or width in repeats
        )
        m = max(between, key=between.__getitem__, default=0)
        if sympy.cancel(m / out).is_integer:  # as in an inverted bottleneck, which is 6·c
            m = 0
        found = {"c": out, "m": m, "c_in": into}
        # A width that is a number needs no letter, nor does one that has one already.
        widths: dict[str, sympy.Expr] = {}
        for name, width in found.items():
            if sympy.sympify(width).has(scale()) and width not in widths.values():
                widths[name] = width
        return cls(dict(zip(names, _map(last.output), strict=False)), widths, in_network)

    def defined(self) -> dict[str, sympy.Expr]:
        """Every letter in those of the network."""
        import sympy

        return {
            name: sympy.sympify(of).subs(self.in_network)
            for name, of in {**self.axes, **self.widths}.items()
        }

    def written(self, row: Row, metric: Metric) -> list[Product]:
        """What the row has of the metric, as a sum of products in these letters."""
        import sympy

        value = sympy.sympify(metric.of([row]))
        if not _has_sizes(value):
            return [(False, term) for term in self._in_widths(value, row)]
        own, size = sympy.Mul(*self.axes.values()), sympy.Mul(*map(symbol, self.axes))
        # The products of attention go by the square of the map.
        for power in (1, 2) if self.axes else ():
            rest = sympy.cancel(value / own**power)
            if not _has_sizes(rest):
                return [(True, size ** (power - 1) * term) for term in self._in_widths(rest, row)]
        other = sympy.Mul(*_map(row.output))
        rest = sympy.cancel(value / other)
        if not _has_sizes(rest):
            return [(False, self._in_axes(other) * term) for term in self._in_widths(rest, row)]
        terms = self._in_widths(sympy.expand(self._in_axes(value)), row)
        return [self._on_map(part, size) for term in terms for part in _expanded(term)]

    def _on_map(self, term: sympy.Expr, size: sympy.Expr) -> Product:
        """Whether a term is a product with the map's size, and with what."""
        import sympy

        rest = sympy.cancel(term / size)
        held = {symbol(name) for name in self.axes} & rest.free_symbols
        return (False, term) if held or not self.axes else (True, rest)

    def _in_axes(self, expression: sympy.Expr) -> sympy.Expr:
        """The walk's sizes as those of the map where it is an image's; else as the input's."""
        if len(self.axes) != 2:
            return expression.subs(self.in_network)
        import sympy

        lines = {}
        for name, of in self.axes.items():
            (x,) = sympy.sympify(of).free_symbols or {None}
            if x is None:
                return expression.subs(self.in_network)
            lines[x] = sympy.solve(of - symbol(name), x)[0]
        return sympy.factor(expression.subs(lines))

    def _in_widths(self, value: sympy.Expr, row: Row) -> list[sympy.Expr]:
        """The terms of what the map is multiplied by."""
        import sympy

        into, out = _width(row.inputs[0]), _width(row.output)
        for extents in ((into, out), (out,), (into,)):
            rest = sympy.cancel(value / sympy.Mul(*extents))
            if not rest.has(scale()):
                return [rest * sympy.Mul(*map(self._letter, extents))]
        return [self._in_one_width(term) for term in _expanded(value)]

    def _in_one_width(self, term: sympy.Expr) -> sympy.Expr:
        """A term with one letter for the network's width; it is c's where no other is simpler."""
        written = [
            term.subs(scale(), symbol(name) * scale() / width)
            for name, width in self.widths.items()
        ]
        return min(written, key=lambda term: term.has(symbol("C")), default=term)

    def _letter(self, width: Any) -> sympy.Expr:
        import sympy

        width = sympy.sympify(width)
        names = {symbol(name): of for name, of in self.widths.items()}
        if not width.has(scale()) or not names:
            return width
        equal = [name for name, of in names.items() if of == width]
        if equal:
            return equal[0]
        c, c_in = symbol("c"), symbol("c_in")
        if self.emits and c in names and c_in in names and names[c] - names[c_in] == width:
            return c - c_in
        name, of = next(iter(names.items()))
        return sympy.cancel(width / of) * name


def _expanded(expression: sympy.Expr) -> tuple[sympy.Expr, ...]:
    import sympy

    terms: tuple[sympy.Expr, ...] = sympy.Add.make_args(sympy.expand(expression))
    return terms


def _map(shape: Sequence[Any]) -> tuple[Any, ...]:
    """The height and width of an image, or the number of tokens; nothing of a vector."""
    return tuple(shape[2:]) if _is_channels_first(shape) else tuple(shape[1:-1])


def _width(shape: Sequence[Any]) -> Any:
    """The channels of an image, of tokens or of a vector."""
    return shape[1] if _is_channels_first(shape) else shape[-1]


def _is_channels_first(shape: Sequence[Any]) -> bool:
    return len(shape) == 4 and not _has_sizes(shape[1])


def _has_sizes(extent: Any) -> bool:
    import sympy

    return bool(sympy.sympify(extent).has(symbol("u"), symbol("v")))
