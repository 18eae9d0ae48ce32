"""`sf.sweep`: every configuration of a design space, as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from shufflenet_flops.errors import InputError, shown

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = str | int | range | Sequence[int]


def sweep(
    *designs: str,
    where: str | None = None,
    minimise: Sequence[str] = ("macs",),
    maximise: Sequence[str] = ("c",),
    max_configurations: int = 1_000_000,
    **axes: Values,
) -> pd.DataFrame:
    """Count every configuration of units or families: a row for each that makes a network.

    `designs` are names as on the command line, by default the three units of ShuffleNet's section
    3.2. `axes` are what varies: a number, a list, a range, or text such as "64:1024:16", last value
    included. `where` keeps rows, as "macs < 40e6". Columns are the variables and the metrics, and
    `pareto`, which tells the rows that no other beats in `minimise` and `maximise`. Raises
    InputError, also for more than `max_configurations` of a design, and UnknownNameError.

    >>> len(sweep("shufflenet_unit", c=range(24, 241, 24), g=[1, 2, 3]))
    30
    """
    from shufflenet_flops.design.sweep.axes import parse_axis
    from shufflenet_flops.design.sweep.plan import Plan, check_plan, chunks, count_chunk
    from shufflenet_flops.zoo.units import UNIT_NAMES

    plan = Plan(
        designs=designs or tuple(f"{name}_unit" for name in UNIT_NAMES),
        axes=tuple(parse_axis(name, _text(name, values)) for name, values in axes.items()),
        minimise=tuple(minimise),
        maximise=tuple(maximise),
        where=where,
    )
    check_plan(plan, max_configurations)
    import numpy as np
    import pandas as pd

    from shufflenet_flops.design.sweep.pareto import front

    counted = [count_chunk(plan, chunk) for chunk in chunks(plan)]
    frames = [pd.DataFrame({"design": part.design, **part.columns}) for part in counted]
    table = pd.concat(frames, ignore_index=True)
    goals = ([table[name].to_numpy() for name in names] for names in (minimise, maximise))
    table["pareto"] = np.isin(np.arange(len(table)), front(*goals))
    return table


def _text(name: str, values: Values) -> str:
    """The values as the command line takes them."""
    if isinstance(values, str):
        return values
    if isinstance(values, range):
        if not values or values.step < 1:
            raise InputError(f"{name}={values}: give a range of increasing numbers")
        return f"{values[0]}:{values[-1]}:{values.step}"
    listed = [values] if isinstance(values, int) else list(values)
    if not listed or not all(type(value) is int for value in listed):
        raise InputError(f'{name}={shown(values)}: give whole numbers, or text such as "64:256:16"')
    return ",".join(map(str, listed))
