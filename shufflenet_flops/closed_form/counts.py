"""What a row counts as a function of its own extents, found from its values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from math import prod

from shufflenet_flops.closed_form.expression import Expression, constant, total
from shufflenet_flops.closed_form.extents import UnexplainedError
from shufflenet_flops.closed_form.vectors import Vector

Known = tuple[Vector, Expression]
MOST_DEGREE = 5
MOST_SUMMED = 3


def explained(values: Vector, shapes: Sequence[Sequence[Known]]) -> Expression:
    """The expression with these values, in the extents of the row's shapes.

    It is a number, a multiple of the elements of a shape, a sum of such and a number (bytes), a
    multiple of a product of extents (MACs), or a sum of those. Raises UnexplainedError.
    """
    if len(set(values)) == 1:
        return constant(values[0])
    elements = _elements(shapes)
    extents = {vector: [one] for shape in shapes for one in _varying(shape) for vector in [one[0]]}
    found = (
        _multiple(values, elements.items())
        or _solved(values, list(elements.items()))
        or _multiple(values, _products(list(extents.items())))
        or _sum(values, elements, extents)
    )
    if found is None:
        raise UnexplainedError(f"a count of {', '.join(map(str, values))}")
    return found


# What is multiplied, by the values of the product.
Product = tuple[Vector, Sequence[Known]]


def _varying(shape: Sequence[Known]) -> list[Known]:
    return [(vector, expression) for vector, expression in shape if len(set(vector)) > 1]


def _elements(shapes: Sequence[Sequence[Known]]) -> dict[Vector, Sequence[Known]]:
    """The elements of every shape of varying size, but for a constant factor."""
    return {
        tuple(map(prod, zip(*(vector for vector, _ in kept), strict=True))): kept
        for shape in shapes
        if (kept := _varying(shape))
    }


def _products(extents: Sequence[Product]) -> Iterator[Product]:
    """Products of extents, of few before those of many."""
    for degree in range(1, MOST_DEGREE + 1):
        for factors in combinations_with_replacement(extents, degree):
            yield _joined(factors)


def _joined(factors: Sequence[Product]) -> Product:
    vectors = zip(*(vector for vector, _ in factors), strict=True)
    return tuple(map(prod, vectors)), [one for _, known in factors for one in known]


def _written(factors: Sequence[Known]) -> Expression:
    expression = constant(1)
    for _, factor in factors:
        expression = expression * factor
    return expression


def _multiple(values: Vector, products: Iterable[Product]) -> Expression | None:
    first = values[0]
    for vector, factors in products:
        if all(v * vector[0] == first * x for v, x in zip(values, vector, strict=True)):
            return _written(factors).times(Fraction(first, vector[0]))
    return None


def _sum(
    values: Vector,
    elements: Mapping[Vector, Sequence[Known]],
    extents: Mapping[Vector, Sequence[Known]],
) -> Expression | None:
    """Multiples of some elements, of extents and of products of the two, and a number."""
    products = [_joined([a, b]) for a in elements.items() for b in extents.items()]
    wide = dict(products) | dict(extents) | dict(elements)
    for number in range(1, MOST_SUMMED + 1):
        for chosen in combinations(wide.items(), number):
            found = _solved(values, chosen)
            if found is not None:
                return found
    return None


def _solved(values: Vector, columns: Sequence[Product]) -> Expression | None:
    """Multiples of columns, and a number, that add up to the values; None where none do.

    A system that the values do not over-determine by two proves nothing.
    """
    rows = [
        [Fraction(1), *(Fraction(vector[i]) for vector, _ in columns), Fraction(value)]
        for i, value in enumerate(values)
    ]
    size, pivots = len(columns) + 1, list[int]()
    for column in range(size):
        place = len(pivots)
        pivot = next((i for i in range(place, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[place], rows[pivot] = rows[pivot], rows[place]
        first = [x / rows[place][column] for x in rows[place]]
        rows[place] = first
        for i, row in enumerate(rows):
            if i != place and row[column]:
                rows[i] = [x - row[column] * y for x, y in zip(row, first, strict=True)]
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots) :]) or len(values) < len(pivots) + 2:
        return None
    factors: list[Sequence[Known]] = [(), *(known for _, known in columns)]
    return total(_written(factors[column]).times(rows[i][-1]) for i, column in enumerate(pivots))
