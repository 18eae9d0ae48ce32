"""The largest scale under a budget: a family's width, depth, resolution or compound phi."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.fit import Choice, Fit, first_where, too_large
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.spec import Number
from shufflenet_flops.zoo import families, find_design
from shufflenet_flops.zoo import names as variant_names
from shufflenet_flops.zoo.registry import Family, parse_name
from shufflenet_flops.zoo.scales import CALLED, Scale, scale_options, scaled
from shufflenet_flops.zoo.width_scaling import Scalable

# Multipliers go in hundredths; phi starts where an EfficientNet is a tenth as wide.
HUNDREDTH = 100
LEAST_PHI = -24
LARGEST = 2**20


def scale_to_enlarge(names: Sequence[str], over: str | None, typed: Collection[str]) -> str | None:
    """The scale that `over` names, or by which the papers of all families scale them.

    None where the channels, or an input's sizes, are looked for. `typed` are the numbers given.
    Raises InputError for scales among them where nothing says what to enlarge.
    """
    known = {*families(), *variant_names()}
    if not names or not all(name.partition("@")[0] in known for name in names):
        return None
    found = [parse_name(name) for name in names]
    if over is not None:
        return over if all(over in scale_options(family) for family, _ in found) else None
    scales = [name for name in typed if name in CALLED]
    rules = {_own_scale(family) for family, options in found if not options.keys() & CALLED}
    if len(rules) == 1 and len(scales) == len(typed) and all(rules):
        return rules.pop()
    if scales:
        raise InputError(f"--{scales[0]}: say what to enlarge, as in --over width")
    return None


def _own_scale(family: Family) -> str | None:
    """The scale by which the family's paper says how to scale it, if it does."""
    return "phi" if "phi" in family.options else None


def scale_fit(
    name: str,
    over: str,
    given: Mapping[str, Scale],
    budgets: Mapping[str, int],
    multiple_of: int = 1,
) -> Fit:
    """The network `name` at the largest scale `over` whose metrics are all within `budgets`.

    Other scales are `given`, or follow from the family's rule. Multipliers go in hundredths, a
    resolution in multiples of `multiple_of`, layers in those that the family has. Raises InputError
    where even the least is over, or where no scale is; SpecError where one makes no network.
    """
    family, _ = parse_name(name)
    if over == "width" and family.step:
        raise InputError(f"{name} is fitted by its channels: leave --over width out")
    values = _Values(family, over, multiple_of)

    def at(number: int) -> Choice:
        network = scaled(name, {**given, over: values[number]})
        return _choice(network, scale_options(family))

    def is_over(choice: Choice) -> bool:
        return any(choice.metrics[metric] > limit for metric, limit in budgets.items())

    start = first_where(lambda number: _is_valid(at, number), 1, values.last)
    least = at(start or 1)
    if is_over(least):
        smallest = f"the least, of {over} {least.scales[over]}"
        raise InputError(too_large(name, given, budgets, smallest, least))
    try:
        first = first_where(lambda number: is_over(at(number)), start or 1, values.last)
    except SpecError as error:
        raise SpecError(f"{error}; --multiple-of keeps {over} to multiples") from None
    if first is None:
        raise InputError(
            f"{name} stays within the budget at every {over} up to {values[values.last]:,}: "
            "give a smaller one"
        )
    return Fit(
        find_design(name), dict(given), dict(budgets), values.step, at(first - 1), at(first), over
    )


def _is_valid(at: Callable[[int], Choice], number: int) -> bool:
    try:
        at(number)
    except SpecError:
        return False
    return True


class _Values:
    """The values of a scale, from the least on, by their number from 1 on."""

    def __init__(self, family: Family, scale: str, multiple_of: int) -> None:
        hint = family.hints[scale_options(family)[scale]]
        self._known: tuple[Any, ...] = (
            tuple(sorted(get_args(hint))) if get_origin(hint) is Literal else ()
        )
        is_whole = hint in (int, Number)
        self._unit = 1 if is_whole else HUNDREDTH
        self._times = multiple_of if is_whole else 1
        self._start = LEAST_PHI * HUNDREDTH if scale == "phi" else 0
        self.last = len(self._known) if self._known else LARGEST
        self.step = self._times if is_whole else 1 / HUNDREDTH

    def __getitem__(self, number: int) -> Any:
        if self._known:
            return self._known[number - 1]
        count = (self._start + number) * self._times
        return count if self._unit == 1 else count / self._unit


def _choice(name: str, scales: Mapping[str, str]) -> Choice:
    """The network of this name: its channels, its scales, and its metrics."""
    family, options = parse_name(name)
    filled = family.fill(options)
    network = family.build(**options)
    return Choice(
        Scalable(network.spec, network.input).width,
        totals(network.spec, network.input),
        {scale: filled[option] for scale, option in scales.items() if scale in CALLED},
    )
