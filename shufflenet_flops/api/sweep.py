"""`sf.sweep`: every configuration of a design space, as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from shufflenet_flops.api.predict import predictor_of
from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.zoo.scales import DECIMAL

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = str | int | float | range | Sequence[int | float]


def sweep(
    *designs: str,
    where: str | None = None,
    minimise: Sequence[str] = ("macs",),
    maximise: Sequence[str] | None = None,
    max_configurations: int = 1_000_000,
    engine: str | None = None,
    calibration: str | Path | None = None,
    **axes: Values,
) -> pd.DataFrame:
    """Count every configuration of units or families: a row for each that makes a network.

    `designs` are names as on the command line, by default the three units of ShuffleNet's section
    3.2. `axes` are what varies: a number, a list, a range, or text such as "64:1024:16", last value
    included; of families also the scales width, depth and resolution, and EfficientNet's phi.
    `maximise` is by default c, or the scales. `where` keeps rows, as "macs < 40e6". Columns are
    the variables and the metrics, and `pareto`, which tells the rows that no other beats in
    `minimise` and `maximise`. With an `engine` there is the predicted time, `time_s`, from a
    `calibration` as `predict` takes it, which can be minimised too. Raises InputError, also for
    more than `max_configurations` of a design, and UnknownNameError.

    >>> len(sweep("shufflenet_unit", c=range(24, 241, 24), g=[1, 2, 3]))
    30
    >>> len(sweep("mobilenet_v2", width=[0.35, 0.5, 0.75, 1, 1.4], resolution="96:224:32"))
    25
    """
    from shufflenet_flops.design.sweep.axes import default_goals, read_axes
    from shufflenet_flops.design.sweep.plan import Plan, check_plan, chunks, count_chunk
    from shufflenet_flops.zoo.units import UNIT_NAMES

    varied = read_axes({name: _text(name, values) for name, values in axes.items()})
    if calibration is not None and engine is None:
        raise InputError('calibration: of which engine? give engine="onnxruntime" too')
    path = None if calibration is None else Path(calibration)
    predictor = None if engine is None else predictor_of(engine, path)
    goals = (tuple(minimise), tuple(default_goals(varied)[1] if maximise is None else maximise))
    plan = Plan(
        designs=designs or tuple(f"{name}_unit" for name in UNIT_NAMES),
        axes=varied,
        minimise=goals[0],
        maximise=goals[1],
        where=where,
        predicted="" if predictor is None else predictor.calibration.name,
    )
    check_plan(plan, max_configurations)
    import numpy as np
    import pandas as pd

    from shufflenet_flops.design.sweep.pareto import front

    seconds_of = None if predictor is None else predictor.seconds
    counted = [count_chunk(plan, chunk, seconds_of) for chunk in chunks(plan)]
    frames = [pd.DataFrame({"design": part.design, **part.columns}) for part in counted]
    table = pd.concat(frames, ignore_index=True)
    metrics = ([table[name].to_numpy() for name in names] for names in goals)
    table["pareto"] = np.isin(np.arange(len(table)), front(*metrics))
    return table


def _text(name: str, values: Values) -> str:
    """The values as the command line takes them."""
    if isinstance(values, str):
        return values
    if isinstance(values, range):
        if not values or values.step < 1:
            raise InputError(f"{name}={values}: give a range of increasing numbers")
        return f"{values[0]}:{values[-1]}:{values.step}"
    listed = [values] if isinstance(values, int | float) else list(values)
    kinds = (int, float) if name in DECIMAL else (int,)
    if not listed or not all(type(value) in kinds for value in listed):
        raise InputError(f'{name}={shown(values)}: give whole numbers, or text such as "64:256:16"')
    return ",".join(map(str, listed))
