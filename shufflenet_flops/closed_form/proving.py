"""A closed form on one domain: found at chosen sizes, looked for again until it holds at others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.expression import Expression, root, value_of, values_at
from shufflenet_flops.closed_form.extents import Open
from shufflenet_flops.closed_form.fitting import check_alike, fitted
from shufflenet_flops.closed_form.model_formula import FormulaRow, ModelFormula
from shufflenet_flops.closed_form.predicates import otherwise
from shufflenet_flops.closed_form.questions import first
from shufflenet_flops.closed_form.samples import NotProvenError, RefusedError, Samples, UnlikeError
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.closed_form.writing import total_stride
from shufflenet_flops.counting.measure import Measure

FIRST = 3  # sizes at which a formula is looked for first, besides the far ones
MOST_FIRST = 8  # up to which more are taken, where these do not explain every row
HELD_OUT = 2  # sizes at which it is then checked
SMALLER = 2  # sizes smaller than the model's own, with which it is then tried


def proven(
    samples: Samples, domain: Domain, measure: Measure
) -> tuple[ModelFormula, UnlikeError | None]:
    """Found, and looked for again with every size at which it is wrong, until it holds.

    Then on smaller sizes, as far as it holds there; where the model does other things there, this
    is told too. Raises RefusedError where the model does not take the domain's sizes, and
    NotProvenError.
    """
    points = _first_points(samples, domain, measure)
    expressions, doubts, held = _checked(samples, domain, measure, points)
    rows = zip(samples.counted(points[0], measure).rows, expressions, strict=True)
    found = ModelFormula(
        samples.model.name,
        measure.metric,
        domain,
        tuple(FormulaRow(row, expression) for row, expression in rows),
        tuple(points),
        tuple(held),
        samples.traces,
        samples.own,
        samples.model.how,
        training=samples.model.training,
        convention=measure.convention,
    )
    return _widened(samples, found, doubts)


def _first_points(samples: Samples, domain: Domain, measure: Measure) -> list[Sizes]:
    """The sizes at which a formula is looked for first. Raises RefusedError, UnlikeError."""
    points: list[Sizes] = []
    edges = samples.edges(domain)
    while len(points) < FIRST and (
        sizes := edges.pop() if points and edges else samples.new(domain, points)
    ):
        points.append(sizes)
        # Where the model refuses these, or does something else, nothing more is traced.
        check_alike(samples, points[0], sizes, measure)
    return points + _far(samples, domain, measure, points[0])


def _checked(
    samples: Samples, domain: Domain, measure: Measure, points: list[Sizes]
) -> tuple[list[Expression], list[Open], list[Sizes]]:
    """A formula with what it leaves open, found at `points`, and the sizes at which it holds.

    Those at which it does not are added to the points. The others are such that what the model asks
    of sizes has another answer than at the points, as far as there are such.
    """
    held: list[Sizes] = []
    expressions, doubts = _first_fit(samples, domain, measure, points)
    while True:
        telling = samples.telling(domain, doubts) if samples.left > HELD_OUT else None
        asked = None if telling else otherwise(samples, domain)
        if asked and samples.left <= SMALLER:
            samples.more()
        met = samples.met(domain, [*points, *held])
        if len(held) >= HELD_OUT and not (telling or asked or met):
            break
        sizes = telling or asked or met or samples.new(domain, [*points, *held])
        if sizes is None:  # all that there are were traced, and fitted or right
            break
        _check_asked(samples, points[0], sizes, measure)
        if values_at(expressions, sizes) == samples.counted(sizes, measure).counts:
            held.append(sizes)
            doubts = [doubt for doubt in doubts if doubt.is_open_at(sizes)]
            if doubts or not telling:
                continue
        try:
            again, doubts = fitted(samples, domain, [*points, *held, sizes], measure)
        except NotProvenError as error:
            raise (UnlikeError(points[0], sizes, str(error)) if asked else error) from None
        if again != expressions:
            points += [*held, sizes]
            expressions, held = again, []
    return expressions, doubts, held


def _check_asked(samples: Samples, first: Sizes, second: Sizes, measure: Measure) -> None:
    """Raise UnlikeError where the model does other things at the second sizes, or refuses them."""
    try:
        check_alike(samples, first, second, measure)
    except RefusedError as error:
        raise UnlikeError(first, second, str(error)) from None


def _first_fit(
    samples: Samples, domain: Domain, measure: Measure, points: list[Sizes]
) -> tuple[list[Expression], list[Open]]:
    """From `points`, to which more are added where they are too few."""
    while True:
        try:
            return fitted(samples, domain, points, measure)
        except NotProvenError:
            sizes = samples.new(domain, points) if len(points) < MOST_FIRST else None
            if sizes is None:
                raise
            check_alike(samples, points[0], sizes, measure)
            points.append(sizes)


def _far(samples: Samples, domain: Domain, measure: Measure, own: Sizes) -> list[Sizes]:
    """Sizes far from the model's own, as far as it takes them; raises UnlikeError."""
    found = [sizes for sizes in samples.far(domain) if samples.takes(sizes)]
    for sizes in found:
        check_alike(samples, own, sizes, measure)
    return found


def _widened(
    samples: Samples, found: ModelFormula, doubts: Sequence[Open]
) -> tuple[ModelFormula, UnlikeError | None]:
    """The formula on smaller sizes than those that it was found at, where it holds there too.

    The smallest is tried, then what all strides divide, then larger ones, and then one between it
    and the model's own, which settles most of the doubts that are left.
    """
    ranges = dict(found.domain.ranges)
    batch = ranges.get("n")
    if batch is not None and batch.own and not batch.is_fixed:
        ranges["n"] = replace(batch, least=1 if batch.step == 1 else batch.least)
    domain = replace(found.domain, ranges=ranges)
    own = {name: given.least for name, given in ranges.items()}
    if not holds(samples, found, own):
        return replace(found, traces=samples.traces), None
    unlike: UnlikeError | None = None
    found = replace(found, domain=domain, held_out=(*found.held_out, own))
    smallest = {name: _smallest(found, name) for name in ranges}
    tried = [
        {name: _times(given, smallest[name], by) for name, given in ranges.items()}
        for by in (1, 2, 4, 8)
    ]
    strides = total_stride(found.expression)
    whole = {name: _at_least(given, strides.get(name, 1)) for name, given in ranges.items()}
    unheld: list[Sizes] = []
    for least in [tried[0], *samples.met_in(domain, smallest), whole, *tried[1:]]:
        if least == own or samples.left < SMALLER:
            break
        if not holds(samples, found, least):
            unlike = unlike or _unlike(samples, found, own, least)
            continue
        wider = {name: replace(given, least=least[name]) for name, given in ranges.items()}
        wide = replace(domain, ranges=wider)
        if any(sizes in wide for sizes in unheld):
            continue
        between = _between(samples, wide, own, doubts)
        if holds(samples, found, between):
            held = (*found.held_out, least, between)
            found, unlike = replace(found, domain=wide, held_out=held), None
            break
        unheld.append(between)
        unlike = unlike or _unlike(samples, found, own, between)
    refused = f"{unlike}; give --input of such a size for the formula there" if unlike else ""
    return replace(found, traces=samples.traces, refused=refused), unlike


def _between(samples: Samples, wide: Domain, own: Sizes, doubts: Sequence[Open]) -> Sizes:
    """Sizes between the least of a domain and the model's own, which tell as much as may be."""
    ranges = {
        name: replace(given, most=own[name]) if given.own else given
        for name, given in wide.ranges.items()
    }
    smaller = replace(wide, ranges=ranges)
    return (
        samples.telling(smaller, doubts)
        or otherwise(samples, wide, smaller)
        or samples.draw(smaller)
    )


def _unlike(
    samples: Samples, found: ModelFormula, own: Sizes, smaller: Sizes
) -> UnlikeError | None:
    """What tells that the model takes smaller sizes, and does other things there."""
    try:
        check_alike(samples, own, smaller, found.measure)
    except UnlikeError as error:
        return error
    except (RefusedError, NotProvenError):
        return None
    return None


def _times(given: Range, smallest: int, by: int) -> int:
    """The first size of a range from so many times its smallest on, or what it begins with."""
    return _at_least(given, smallest + -(-smallest * (by - 1) // given.step) * given.step)


def _at_least(given: Range, size: int) -> int:
    """The first size that is no smaller and would be of the range; its own at most."""
    if not given.own:
        return given.least
    start = size + (given.least - size) % given.step
    longer = replace(given, least=start)
    return next((x for x in range(start, given.least, given.step) if x in longer), given.least)


def _smallest(found: ModelFormula, name: str) -> int:
    """The least size of which every floor leaves something."""
    given = found.domain.ranges[name]
    if not given.own:
        return given.least
    floors = dict.fromkeys(x for row in found.rows for x in row.expression.atoms if root(x) == name)
    least = given.least % given.step or given.step

    def leaves(steps: int) -> bool:
        return all(value_of(x, {name: least + steps * given.step}) > 0 for x in floors)

    last = (given.least - least) // given.step
    return least + given.step * (0 if leaves(0) else first(leaves, 0, last))


def holds(samples: Samples, found: ModelFormula, sizes: Sizes) -> bool:
    """Whether the model does at these sizes, row by row, what the formula tells."""
    try:
        counted = samples.counted(sizes, found.measure)
    except (NotProvenError, RefusedError):
        return False
    return (
        counted.ops == [(row.row.path, row.row.op) for row in found.rows]
        and values_at((row.expression for row in found.rows), sizes) == counted.counts
    )
