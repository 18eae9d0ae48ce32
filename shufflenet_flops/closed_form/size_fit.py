"""The largest input within a budget: a search over sizes, each counted by the formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shufflenet_flops.closed_form.domain import Range, hull, met
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.questions import LARGEST, first
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.errors import InputError


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
    with the sizes. Raises InputError where even the smallest is over, or none is.
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

    def is_over(steps: int) -> bool:
        return any(count(steps).metrics[metric] > limit for metric, limit in budgets.items())

    smallest = count(0)
    if is_over(0):
        broken = [
            f"{metric} {smallest.metrics[metric]:,} of {limit:,} allowed"
            for metric, limit in budgets.items()
            if smallest.metrics[metric] > limit
        ]
        raise InputError(f"no size of {model} fits: {_said(smallest.sizes)} has {broken[0]}")
    own = ranges[names[0]]
    last = ((own.most or LARGEST) - own.least) // own.step
    if not is_over(last):
        raise InputError(
            f"{model} stays within the budget at every size up to {_said(sizes(last))}: "
            "give a smaller one"
        )
    over = first(is_over, 0, last)
    return SizeFit(model, dict(budgets), count(over - 1), count(over))


def _below(size: Fraction, given: Range) -> int:
    steps = max(0, (int(size) - given.least) // given.step)
    return given.least + steps * given.step


def _said(sizes: Sizes) -> str:
    return ", ".join(f"{name}={size:,}" for name, size in sizes.items())
