"""The largest input within a budget: a search over sizes, each counted by the formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product

from shufflenet_flops.closed_form.domain import Range, hull, met
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.questions import LARGEST, first
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.errors import InputError

MOST_APART = 4096  # steps between sizes that leave the same rests


@dataclass(frozen=True)
class SizedCount:
    """What a model comes to at sizes."""

    sizes: Sizes
    metrics: Mapping[str, int]


@dataclass(frozen=True)
class SizeFit:
    """The largest sizes within `budgets`, and the next larger ones, which are over."""

    model: str
    budgets: Mapping[str, int]
    best: SizedCount
    next_larger: SizedCount


def size_fit(
    formulas: Sequence[ModelFormula],
    names: Sequence[str],
    budgets: Mapping[str, int],
    at: Sizes,
    aspect: Fraction | None = None,
) -> SizeFit:
    """The largest size of one name, or of height and width together, within all budgets.

    The formulas are those of the budgets' metrics. Width is height times `aspect`, by default 1,
    rounded down to one that the model takes. The other sizes are as in `at`. Every metric grows
    with the sizes on which a formula has one case. Raises InputError where every size is over, or
    none is.
    """
    model = formulas[0].model
    ranges = {
        name: met([hull([case.domain.ranges[name] for case in one.cases]) for one in formulas])
        for name in at
    }

    def sizes(steps: int) -> Sizes:
        first_range = ranges[names[0]]
        size = first_range.least + steps * first_range.step
        chosen = {**at, names[0]: size}
        if len(names) == 2:
            chosen[names[1]] = _below(size * (aspect or Fraction(1)), ranges[names[1]])
        return chosen

    def count(steps: int) -> SizedCount:
        chosen = sizes(steps)
        return SizedCount(chosen, {formula.metric: formula.value(chosen) for formula in formulas})

    def fits(steps: int) -> bool:
        try:
            metrics = count(steps).metrics
        except InputError:  # it is in no case
            return False
        return all(metrics[metric] <= limit for metric, limit in budgets.items())

    own = ranges[names[0]]
    last = ((own.most or LARGEST) - own.least) // own.step
    if fits(last):
        raise InputError(
            f"{model} stays within the budget at every size up to {_said(sizes(last))}: "
            "give a smaller one"
        )
    found = [
        near
        for cases in product(*(formula.cases for formula in formulas))
        for near in _largest(cases, budgets, sizes, _steps(cases, names[0], own, last), fits)
    ]
    if not found:
        raise _over(model, count(0), budgets)
    best = max(found)
    return SizeFit(model, dict(budgets), count(best), count(best + 1))


def _over(model: str, smallest: SizedCount, budgets: Mapping[str, int]) -> InputError:
    broken = [
        f"{metric} {smallest.metrics[metric]:,} of {limit:,} allowed"
        for metric, limit in budgets.items()
        if smallest.metrics[metric] > limit
    ]
    return InputError(f"no size of {model} fits: {_said(smallest.sizes)} has {broken[0]}")


def _steps(cases: Sequence[ModelFormula], name: str, own: Range, last: int) -> range:
    """The steps of `own` between the bounds of all cases."""
    given = met([replace(case.domain.ranges[name], step=1, without=()) for case in cases])
    end = last if given.most is None else min(last, (given.most - own.least) // own.step)
    return range(max(0, -(-(given.least - own.least) // own.step)), end + 1)


def _largest(
    cases: Sequence[ModelFormula],
    budgets: Mapping[str, int],
    sizes: Callable[[int], Sizes],
    steps: range,
    fits: Callable[[int], bool],
) -> Iterator[int]:
    """The last of the steps that fits, where these cases hold; of others near by, it may too."""

    def is_over(at: int) -> bool:
        return any(case.expression.value(sizes(at)) > budgets[case.metric] for case in cases)

    if not steps or is_over(steps[0]):
        return
    end = first(is_over, steps[0], steps[-1]) - 1 if is_over(steps[-1]) else steps[-1]
    near = range(end, max(steps[0], end - MOST_APART) - 1, -1)
    yield from islice(filter(fits, near), 1)


def _below(size: Fraction, given: Range) -> int:
    steps = max(0, (int(size) - given.least) // given.step)
    return given.least + steps * given.step


def _said(sizes: Sizes) -> str:
    return ", ".join(f"{name}={size:,}" for name, size in sizes.items())
