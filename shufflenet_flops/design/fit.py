"""The widest network under a budget: a search over valid widths, each counted by the int walk.

Time does not always grow with the width, as a kernel of a few channels more may be quicker; so
under a predicted time every width is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import lcm
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.amount import parse_amount, short_form
from shufflenet_flops.counting.metric import TIME, find_metric
from shufflenet_flops.counting.table import layer_table
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design

if TYPE_CHECKING:
    import numpy.typing as npt

    from shufflenet_flops.counting import Row

# Seconds of so many networks at once, from rows whose sizes are arrays of that length.
SecondsOf = Callable[[Sequence["Row"], int], "npt.NDArray[Any]"]
AT_ONCE = 512  # widths
NEAR = 1.25
MOST_WIDTHS = 2**16  # that are worked out, before a time is said to be no limit
# No network of interest is wider; a width that is not valid by then never will be.
WIDEST = 2**40


@dataclass(frozen=True)
class Choice:
    """A network of one width, or at these `scales` of its family, with its metrics.

    A predicted time is among them where it is limited.
    """

    channels: int
    metrics: Mapping[str, Any]
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
    budgets: Mapping[str, Any]
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
            if is_more(metric, self.next_wider.metrics[metric], limit)
        ]


def fit(
    design: Design,
    numbers: Mapping[str, int],
    budgets: Mapping[str, int | float | str],
    multiple_of: int = 1,
    seconds_of: SecondsOf | None = None,
) -> Fit:
    """The widest network of `design` whose metrics are all within `budgets`, as 140_000_000 or
    "140 M".

    Every metric but a time grows with the width, and every width from the narrowest valid one on
    that is a multiple of the design's step is valid; so bisection finds what a scan of all widths
    would. A budget of `time_s` needs `seconds_of`, and is held by a scan, which ends where nothing
    fits until the width has doubled. Raises InputError where even the narrowest is over, or where
    `budgets` does not limit the width.
    """
    limits = {
        metric: _plain(metric, amount) if isinstance(amount, str) else amount
        for metric, amount in budgets.items()
    }
    step = lcm(design.step(numbers), multiple_of)
    widths = _Widths(design, numbers, step, seconds_of if TIME.name in limits else None)
    counted = {metric: limit for metric, limit in limits.items() if metric != TIME.name}

    def is_over(choice: Choice) -> bool:
        return any(
            is_more(metric, choice.metrics[metric], limit) for metric, limit in counted.items()
        )

    first = first_where(lambda count: widths.at(count) is not None, 1, WIDEST // step)
    if first is None:
        raise _never_valid(design, numbers, 64 * step)
    narrowest = _valid(widths.at(first))
    if is_over(narrowest):
        raise InputError(_no_width(design, numbers, limits, narrowest))
    too_wide = None
    if counted:
        too_wide = first_where(
            lambda count: is_over(_valid(widths.at(count))), first, WIDEST // step
        )
    if TIME.name in limits:
        widest = widths.last_within(limits[TIME.name], first, too_wide or WIDEST // step)
        if widest is None:
            raise InputError(_no_width(design, numbers, limits, narrowest))
        too_wide = widest + 1
    if too_wide is None:
        raise InputError(
            f"{design.name} stays within the budget at every width up to {WIDEST:,} channels: "
            "give a smaller one"
        )
    best, wider = _valid(widths.at(too_wide - 1)), _valid(widths.at(too_wide))
    return Fit(design, dict(numbers), limits, step, best, wider)


def is_more(metric: str, amount: float, limit: float) -> bool:
    """Whether an amount is over a limit.

    A time that differs in no more than the last digits of a sum of floats is not.
    """
    return amount > (limit * (1 + 1e-12) if find_metric(metric).is_time else limit)


def _plain(metric: str, text: str) -> int | float:
    amount = parse_amount(metric, text)
    return float(amount) if find_metric(metric).is_time else int(amount)


@dataclass(frozen=True)
class _Widths:
    """The networks of a design by their width in steps."""

    design: Design
    numbers: Mapping[str, int]
    step: int
    seconds_of: SecondsOf | None

    def at(self, count: int) -> Choice | None:
        """The network of `count` steps; None where there is none."""
        try:
            network = self.design.build(
                **self.design.fill({**self.numbers, "c": count * self.step})
            )
            metrics = totals(network.spec, network.input)
        except SpecError:
            return None
        if self.seconds_of is not None:
            rows = layer_table(network.spec, network.input).rows
            metrics[TIME.name] = float(self.seconds_of(rows, 1)[0])
        return Choice(count * self.step, metrics)

    def last_within(self, limit_s: float, first: int, stop: int) -> int | None:
        """The widest of `first` … `stop` - 1 steps that takes `limit_s` or less; None without one.

        What is wider than twice a width from which on none comes near is taken not to. Raises
        InputError where there is no end of it.
        """
        near: list[int] = []
        low = first
        while low < stop:
            if low - first > MOST_WIDTHS:
                raise InputError(
                    f"{self.design.name} of {low * self.step:,} channels still takes no more than "
                    f"{_told(TIME.name, limit_s)}: give a smaller time, or wider steps with "
                    "--multiple-of"
                )
            high = min(max(2 * low, low + AT_ONCE), stop)
            found = [
                count
                for start in range(low, high, AT_ONCE)
                for count in self._near(limit_s, start, min(start + AT_ONCE, high))
            ]
            if not found:
                break
            near += found
            low = high
        return next((count for count in reversed(near) if self._is_within(count, limit_s)), None)

    def _near(self, limit_s: float, start: int, stop: int) -> list[int]:
        """Those of many widths at once whose time is near the limit or below.

        Near, as an engine may fuse what happens to have equal sizes, which arrays do not tell.
        """
        import numpy as np

        assert self.seconds_of is not None
        counts = np.arange(start, stop)
        network = self.design.build(**self.design.fill({**self.numbers, "c": counts * self.step}))
        rows = layer_table(network.spec, network.input).rows
        near: list[int] = counts[self.seconds_of(rows, len(counts)) <= NEAR * limit_s].tolist()
        return near

    def _is_within(self, count: int, limit_s: float) -> bool:
        return not is_more(TIME.name, _valid(self.at(count)).metrics[TIME.name], limit_s)


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


def _no_width(
    design: Design, numbers: Mapping[str, int], budgets: Mapping[str, Any], narrowest: Choice
) -> str:
    smallest = f"the narrowest, of {narrowest.channels} channels"
    return too_large(design.name, numbers, budgets, smallest, narrowest)


def too_large(
    name: str,
    numbers: Mapping[str, int | float],
    budgets: Mapping[str, Any],
    smallest: str,
    choice: Choice,
) -> str:
    """That even the smallest network of a family breaks a budget, and by how much."""
    broken = [
        f"{metric} {_told(metric, choice.metrics[metric])} of {_told(metric, limit)} allowed"
        for metric, limit in budgets.items()
        if choice.metrics[metric] > limit
    ]
    given = ",".join(f"{name}={value}" for name, value in numbers.items())
    return f"no {name} {given + ' ' if given else ''}fits: {smallest}, has {' and '.join(broken)}"


def _told(metric: str, amount: float) -> str:
    if not find_metric(metric).is_time:
        return f"{amount:,}"
    return short_form(metric, Decimal(f"{amount:.4g}"))
