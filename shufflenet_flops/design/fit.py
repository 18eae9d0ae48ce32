"""The widest network under a budget: a search over valid widths, each counted by the int walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import lcm

from shufflenet_flops.counting.amount import parse_amount
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design

# No network of interest is wider; a width that is not valid by then never will be.
WIDEST = 2**40


@dataclass(frozen=True)
class Choice:
    """A network of one width, or at these `scales` of its family, with its metrics."""

    channels: int
    metrics: Mapping[str, int]
    scales: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """The widest valid network within `budgets`, and the next valid one, which is over.

    `channels` are those of a network's last stage, or of a unit's input. `over` are the metrics by
    which `next_wider` breaks its budget. `scale` is what was enlarged where that is not the
    channels; `step` says in what steps.
    """

    design: Design
    numbers: Mapping[str, int | float]
    budgets: Mapping[str, int]
    step: int | float
    best: Choice
    next_wider: Choice
    scale: str | None = None

    @property
    def over(self) -> list[str]:
        """The budgets that the next wider network breaks."""
        return [
            metric
            for metric, limit in self.budgets.items()
            if self.next_wider.metrics[metric] > limit
        ]


def fit(
    design: Design,
    numbers: Mapping[str, int],
    budgets: Mapping[str, int | str],
    multiple_of: int = 1,
) -> Fit:
    """The widest network of `design` whose metrics are all within `budgets`, as 140_000_000 or
    "140 M".

    Every metric grows with the width, and every width from the narrowest valid one on that is a
    multiple of the design's step is valid; so bisection finds what a scan of all widths would.
    Raises InputError where even the narrowest is over, or where `budgets` does not limit the width.
    """
    limits = {
        metric: int(parse_amount(metric, amount)) if isinstance(amount, str) else amount
        for metric, amount in budgets.items()
    }
    step = lcm(design.step(numbers), multiple_of)

    def at(count: int) -> Choice | None:
        """The network of `count` steps; None where there is none."""
        try:
            network = design.build(**design.fill({**numbers, "c": count * step}))
            return Choice(count * step, totals(network.spec, network.input))
        except SpecError:
            return None

    def is_over(choice: Choice) -> bool:
        return any(choice.metrics[metric] > limit for metric, limit in limits.items())

    first = first_where(lambda count: at(count) is not None, 1, WIDEST // step)
    if first is None:
        raise _never_valid(design, numbers, 64 * step)
    narrowest = _valid(at(first))
    if is_over(narrowest):
        smallest = f"the narrowest, of {narrowest.channels} channels"
        raise InputError(too_large(design.name, numbers, limits, smallest, narrowest))
    too_wide = first_where(lambda count: is_over(_valid(at(count))), first, WIDEST // step)
    if too_wide is None:
        raise InputError(
            f"{design.name} stays within the budget at every width up to {WIDEST:,} channels: "
            "give a smaller one"
        )
    best, wider = _valid(at(too_wide - 1)), _valid(at(too_wide))
    return Fit(design, dict(numbers), limits, step, best, wider)


def _valid(choice: Choice | None) -> Choice:
    assert choice is not None, "wider than a valid width, and not valid"
    return choice


def first_where(holds: Callable[[int], bool], start: int, stop: int) -> int | None:
    """The least count in start … stop for which `holds`, which once true stays true."""
    low, high = start - 1, start  # holds is false at low
    while not holds(high):
        if high >= stop:
            return None
        low, high = high, min(2 * high, stop)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _never_valid(design: Design, numbers: Mapping[str, int], channels: int) -> SpecError:
    """By which rule no width is valid, in the words of the walk at one of them."""
    try:
        network = design.build(**design.fill({**numbers, "c": channels}))
        totals(network.spec, network.input)
    except SpecError as error:
        return SpecError(f"no width makes a valid {design.name}: {error}")
    raise AssertionError("a valid width that the search has missed")


def too_large(
    name: str,
    numbers: Mapping[str, int | float],
    budgets: Mapping[str, int],
    smallest: str,
    choice: Choice,
) -> str:
    """That even the smallest network of a family breaks a budget, and by how much."""
    broken = [
        f"{metric} {choice.metrics[metric]:,} of {limit:,} allowed"
        for metric, limit in budgets.items()
        if choice.metrics[metric] > limit
    ]
    given = ",".join(f"{name}={value}" for name, value in numbers.items())
    return f"no {name} {given + ' ' if given else ''}fits: {smallest}, has {' and '.join(broken)}"
