"""Where a model does one thing at some sizes and another at others: a formula for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.expression import Residue
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.predicates import Predicate, bounds, predicates
from shufflenet_flops.closed_form.proving import holds, proven
from shufflenet_flops.closed_form.questions import first
from shufflenet_flops.closed_form.samples import (
    NotProvenError,
    RefusedError,
    Samples,
    UnlikeError,
    said,
)
from shufflenet_flops.closed_form.size_guard import SizeGuard, with_range
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.counting.measure import Measure

MOST_CASES = 16
MOST_OF_ALL = 300  # traces, after which no domain is split any more
MOST_PERIOD = 64
MOST_TRACES = 40  # to find one guard
_CHECKED = 3  # sizes on each side that must do the same, for a bound to be one


def _reaching(domain: Domain, name: str, error: UnlikeError) -> Range:
    """The range of a size, down to what the error has of it."""
    given = domain.ranges[name]
    return replace(given, least=min(given.least, error.first[name], error.second[name]))


def in_cases(
    samples: Samples, domain: Domain, measure: Measure, most: int = MOST_CASES
) -> list[ModelFormula]:
    """The formula on a domain, or one for each side of every guard that splits it.

    Raises RefusedError, NotProvenError where there is none, and UnlikeError where more guards than
    MOST_CASES allows split it, or what splits it is not one of the kinds that are looked for.
    """
    try:
        found, unlike = proven(samples, domain, measure)
    except UnlikeError as error:
        cases = _sides(samples, domain, error, measure, most)
        if cases is None:
            raise
        return cases
    except NotProvenError as error:
        return _by_an_answer(samples, domain, error, measure, most)
    if unlike is None:
        return [found]
    try:
        cases = _sides(samples, domain, unlike, measure, most)
    except (RefusedError, NotProvenError):
        return [found]
    return cases or [found]


def _by_an_answer(
    samples: Samples, domain: Domain, error: NotProvenError, measure: Measure, most: int
) -> list[ModelFormula]:
    """The formulas for both answers to something that the model asks, where there is none for all.

    Raises the error where that does not help.
    """
    taken = [dict(key) for key, rows in samples.rows.items() if not isinstance(rows, str)]
    inside = [sizes for sizes in taken if sizes in domain]
    for predicate, met in predicates(samples, domain).items():
        yes = [sizes for sizes in inside if predicate(sizes)]
        no = [sizes for sizes in inside if not predicate(sizes)]
        if len(met) == 2 and yes and no and len(predicate.names) == 1:
            with suppress(RefusedError, NotProvenError):
                unlike = UnlikeError(yes[0], no[0], str(error))
                if cases := _sides(samples, domain, unlike, measure, most):
                    return cases
            break
    raise error


def _sides(
    samples: Samples, domain: Domain, error: UnlikeError, measure: Measure, most: int
) -> list[ModelFormula] | None:
    """The formulas on both sides of what tells the sizes apart; None where nothing does.

    Only the size that does begins lower, where it must for both to be in the domain: how far the
    others go down is found on each side.
    """
    guard = None
    if most > 1 and samples.traces < MOST_OF_ALL:
        guard = _asked(samples, domain, error, measure)
    if guard is None:
        return None
    lower = with_range(domain, guard.name, _reaching(domain, guard.name, error))
    inside, outside = guard.sides(lower)
    if any(side.ranges[guard.name].first is None for side in (inside, outside)):
        return None  # it is what split the domain before
    cases: list[ModelFormula] = []
    refused = ""
    for side in (inside, outside):
        samples.begin()
        try:
            cases += in_cases(samples, side, measure, most - max(1, len(cases)))
        except RefusedError as why:  # of one side it tells where the domain ends
            if refused:
                raise
            refused = str(why)
    if refused:
        cases = [replace(case, refused=case.refused or refused) for case in cases]
    for case in cases:
        _check_corners(samples, case)
    return cases


def _check_corners(samples: Samples, case: ModelFormula) -> None:
    """Raise NotProvenError where a side is not what it does at all its corners.

    So it is where what splits the domain is no bound of one size, but as h·w of both.
    """
    corners = samples.corners(case.domain)
    samples.begin(len(corners))
    for sizes in corners:
        if not holds(samples, case, sizes):
            raise NotProvenError(f"it does other things at {said(sizes)} than elsewhere")


def _asked(
    samples: Samples, domain: Domain, error: UnlikeError, measure: Measure
) -> SizeGuard | None:
    """What the model asked of one size, and answered otherwise at the two sizes of the error.

    That which parts all sizes that were traced as they are alike comes before any other, and a
    bound before a rest, of which there may be many. Where it asked nothing so, it is looked for
    with traces; where it asked several sizes at once, as for h·w, there is none.
    """
    found: list[tuple[bool, bool, int, SizeGuard]] = []
    several = False
    for predicate in predicates(samples, domain) or predicates(samples):
        if predicate(error.first) == predicate(error.second):
            continue
        is_mixed = not _parts(samples, predicate, measure)
        if len(predicate.names) > 1:
            several = several or not is_mixed
            continue
        (name,) = predicate.names
        guard = bounds(predicate, error.first, name, _reaching(domain, name, error))
        if guard is not None:
            found.append((is_mixed, guard.residue is not None, len(found), guard))
    is_mixed, *_, best = min(found, default=(True, None))
    if several and is_mixed:
        return None
    return best or _guard(samples, domain, error, measure)


def _parts(samples: Samples, predicate: Predicate, measure: Measure) -> bool:
    """Whether no two sizes with different answers have the same rows."""
    alike: dict[Any, set[bool]] = {}
    for key, rows in samples.rows.items():
        if not isinstance(rows, str):
            sizes = dict(key)
            does = tuple(samples.counted(sizes, measure).ops)
            alike.setdefault(does, set()).add(bool(predicate(sizes)))
    return all(len(answers) == 1 for answers in alike.values())


def _guard(
    samples: Samples, domain: Domain, error: UnlikeError, measure: Measure
) -> SizeGuard | None:
    """What tells the two sizes of the error apart; None where no such thing is found."""

    def does(sizes: Sizes) -> Any:
        return samples.counted(sizes, measure).ops

    samples.begin(MOST_TRACES)
    here = dict(error.first)
    try:
        for name, size in error.second.items():
            if does({**here, name: size}) != does(here):
                given = _reaching(domain, name, error)
                found = _along(partial(_at, does, here, name), name, (here[name], size), given)
                return None if found and found.residue and given.step > 1 else found
            here[name] = size
    except (RefusedError, NotProvenError):
        return None
    return None


def _at(does: Callable[[Sizes], Any], here: Sizes, name: str, size: int) -> Any:
    return does({**here, name: size})


def _along(
    does: Callable[[int], Any], name: str, ends: tuple[int, int], given: Range
) -> SizeGuard | None:
    """A bound or a rest between two sizes of which one does something else than the other."""
    low, high = sorted(ends)
    below = does(low)
    steps = first(
        lambda step: does(low + step * given.step) != below, 0, (high - low) // given.step
    )
    at = low + steps * given.step
    if all(
        does(at - k * given.step) == below or at - k * given.step < given.least
        for k in range(1, _CHECKED + 1)
    ) and all(does(at + k * given.step) == does(at) for k in range(1, _CHECKED + 1)):
        return SizeGuard(name, at)
    return _rest(does, name, at)


def _rest(does: Callable[[int], Any], name: str, at: int) -> SizeGuard | None:
    """The rest that every size leaves which does as `at` does, or as the one before it does."""
    for start in (at, at - 1):
        kind = does(start)
        period = next((k for k in range(2, MOST_PERIOD) if does(start + k) == kind), None)
        if period is not None and does(start + 1) != kind:
            alike = [does(start + k) == kind for k in range(period, 2 * period + 1)]
            if alike == [True, *(period - 1) * [False], True]:
                return SizeGuard(name, residue=Residue(period, start % period))
    return None
