"""Every row of several traces as a function of the sizes that they were made at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from shufflenet_flops.closed_form.counts import explained
from shufflenet_flops.closed_form.domain import Domain
from shufflenet_flops.closed_form.expression import Expression
from shufflenet_flops.closed_form.extents import Extents, Open, UnexplainedError
from shufflenet_flops.closed_form.samples import NotProvenError, Samples, UnlikeError
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.closed_form.vectors import Vector
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.measure import Measure

MOST_MISSING = 2  # tables of several that may lack a row of which the extents are learned


def check_alike(samples: Samples, first: Sizes, second: Sizes, measure: Measure) -> None:
    """Raise UnlikeError where the model counts other rows at one sizes than at the others."""
    if samples.counted(first, measure).ops != samples.counted(second, measure).ops:
        raise UnlikeError(first, second)


def fitted(
    samples: Samples, domain: Domain, points: Sequence[Sizes], measure: Measure
) -> tuple[list[Expression], list[Open]]:
    """The measure of each counted row over the sizes, from the traces at `points`.

    All of them have the same rows. What they leave open is told. Raises NotProvenError where a row
    is not explained.
    """
    free = set(domain.free)
    extents = Extents(
        [{name: size for name, size in point.items() if name in free} for point in points],
        {name: domain.ranges[name].residue for name in free},
    )
    tables = [samples.counted(point, measure) for point in points]
    aligned = list(zip(*(table.rows for table in tables), strict=True))
    counts = list(zip(*(table.counts for table in tables), strict=True))
    _follow(extents, [samples.at(point) for point in points])
    try:
        return _explained(aligned, counts, extents), extents.open
    except NotProvenError:
        # Sizes of which only products are counted, as of windows, may be seen in other rows.
        _learn_all(extents, [samples.at(point) for point in points])
        return _explained(aligned, counts, extents), extents.open


def _follow(extents: Extents, tables: Sequence[Sequence[Row]]) -> None:
    """Get to know extents in the order in which they come about, those of uncounted rows too.

    From one row to the next they change by one rounding. Several at once, as of a pool and what is
    drawn larger after it, look like others at the few sizes that are traced.
    """
    followed: set[Any] = set()
    for rows in _aligned(tables):
        given = _given(rows)
        if given not in followed:
            followed.add(given)
            with suppress(NotProvenError):
                _follow_row(extents, _shapes(rows))


def _aligned(tables: Sequence[Sequence[Row]]) -> Iterator[tuple[Row, ...]]:
    """The rows that all tables have, side by side."""
    if len({len(table) for table in tables}) == 1:
        aligned = list(zip(*tables, strict=True))
        if all(row[:2] == rows[0][:2] for rows in aligned for row in rows[1:]):
            yield from aligned
            return
    named = [_by_name(table) for table in tables]
    for name in named[0]:
        if all(name in table for table in named):
            yield tuple(table[name] for table in named)


def _given(rows: Sequence[Row]) -> tuple[Any, ...]:
    """All shapes of a row at all sizes."""
    return tuple([(row.inputs, row.operands, row.output) for row in rows])


def _follow_row(extents: Extents, shapes: Sequence[Sequence[Vector]]) -> None:
    near = [vector for shape in shapes for vector in shape if len(set(vector)) > 1]
    for vector in near:
        with suppress(UnexplainedError):
            extents.of(vector, near)


def _learn_all(extents: Extents, tables: Sequence[Sequence[Row]]) -> None:
    """Of the rows that every table has, and of those that most have, as where some are padded."""
    named = [_by_name(table) for table in tables]
    everywhere = range(len(tables))
    where: dict[tuple[int, ...], None] = {tuple(everywhere): None}
    for name in dict.fromkeys(name for table in named for name in table):
        having = tuple(i for i in everywhere if name in named[i])
        if len(having) >= max(MOST_MISSING + 2, len(tables) - MOST_MISSING):
            where[having] = None
    for having in where:
        here = [named[i] for i in having]
        known = Extents([extents.points[i] for i in having], extents.residues)
        known.learn(_all_extents(here))
        for expression in known.known.values():
            extents.know(expression)
        extents.open += known.open


def _all_extents(named: Sequence[Mapping[tuple[str, str, int], Row]]) -> Iterator[Vector]:
    """Of the rows that all of these have."""
    for name in named[0]:
        if all(name in table for table in named):
            try:
                shapes = _shapes([table[name] for table in named])
            except NotProvenError:
                continue
            for shape in shapes:
                yield from shape


def _by_name(rows: Sequence[Row]) -> dict[tuple[str, str, int], Row]:
    """By path, op and how often both were met before."""
    met: Counter[tuple[str, str]] = Counter()
    named = {}
    for row in rows:
        named[row.path, row.op, met[row.path, row.op]] = row
        met[row.path, row.op] += 1
    return named


def _explained(
    aligned: Sequence[Sequence[Row]], counts: Sequence[Vector], extents: Extents
) -> list[Expression]:
    known: dict[tuple[Vector, tuple[Any, ...]], Expression] = {}
    expressions = []
    for rows, values in zip(aligned, counts, strict=True):
        key = values, _given(rows)
        if key not in known:
            try:
                known[key] = _count(values, _shapes(rows), extents)
            except UnexplainedError as error:
                where = f"{rows[0].path} {rows[0].op}".strip()
                raise NotProvenError(f"{where}: no formula has {error}") from None
        expressions.append(known[key])
    return expressions


def _shapes(rows: Sequence[Row]) -> tuple[tuple[Vector, ...], ...]:
    """The extents of every shape of the row, each as its values at all sizes; inputs first."""
    of_rows = [(*row.inputs, *row.operands, row.output) for row in rows]
    if len(set(map(len, of_rows))) > 1:
        raise NotProvenError(f"{rows[0].path} {rows[0].op}: it takes more or fewer tensors")
    shapes = []
    for alike in zip(*of_rows, strict=True):
        if len(set(map(len, alike))) > 1:
            raise NotProvenError(f"{rows[0].path} {rows[0].op}: its shapes have more or fewer axes")
        shapes.append(tuple(zip(*alike, strict=True)))
    return tuple(dict.fromkeys(shapes))


def _count(values: Vector, shapes: Sequence[Sequence[Vector]], extents: Extents) -> Expression:
    near = [vector for shape in shapes for vector in shape if len(set(vector)) > 1]
    left = near
    while left:  # an extent may come from another that stands after it, as padding from the output
        still = []
        for vector in left:
            try:
                extents.of(vector, near)
            except UnexplainedError:
                still.append(vector)
        if len(still) == len(left):
            break
        left = still
    # A count may come from the output alone, where what is padded for it has no expression.
    known = [shape for shape in shapes if not set(shape) & set(left)]
    try:
        return explained(values, [[(v, extents.of(v, near)) for v in shape] for shape in known])
    except UnexplainedError:
        for vector in left:
            extents.of(vector, near)
        raise
