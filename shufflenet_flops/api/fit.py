"""`sf.fit`: the widest network under a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.api.predict import predictor_of
from shufflenet_flops.api.result import Result
from shufflenet_flops.counting.amount import figure, parse_amount
from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.view.fit import FitResult, WidthResult, fit_grid, fit_result

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.prediction import Predictor


@dataclass(frozen=True, repr=False)
class Fitted(Result):
    """The widest, or largest, network of a family within its budgets, and the next, over them."""

    result: FitResult

    @property
    def channels(self) -> int:
        """Channels of a network's last stage, or of a unit's input."""
        return self.result.channels

    @property
    def scales(self) -> Mapping[str, int | float]:
        """What the family is scaled by, where a scale was enlarged: `{"phi": 0.5, …}`."""
        return self.result.scales

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the widest network."""
        return self.result.macs

    @property
    def params(self) -> int:
        """Parameters of the widest network."""
        return self.result.params

    @property
    def time_s(self) -> float | None:
        """Predicted seconds of the widest network, None where no time is limited."""
        return self.result.time_s

    @property
    def next_wider(self) -> WidthResult:
        """The next valid width, which breaks a budget."""
        return self.result.next_wider

    def document(self) -> Document:
        """What `fit` writes."""
        return Document("fit", "paper", [self.result], [fit_grid([self.result], [])])

    def __repr__(self) -> str:
        scales = ", ".join(f"{name}={value}" for name, value in self.scales.items())
        return (
            f"<Fitted {self.result.family}: {scales or f'{self.channels:,} channels'}, "
            f"{figure('macs', self.macs)}, {figure('params', self.params)} params>"
        )


def fit(
    family: str,
    *,
    macs: int | str | None = None,
    params: int | str | None = None,
    memory: int | str | None = None,
    time: str | None = None,
    engine: str | None = None,
    calibration: str | Path | None = None,
    multiple_of: int = 1,
    over: str | None = None,
    **numbers: int | float,
) -> Fitted:
    """Find the widest network of a family, or unit, within budgets.

    `family` is as on the command line: "shufflenet_v1@g=3". A budget is a number or text such as
    "140M"; `memory` is in bytes. `time` is text such as "5 ms", as it is predicted on `engine` from
    the file `calibration`, by default the one that comes with the package. `over` is a scale to
    enlarge in place of the channels: "width", "depth", "resolution", or "phi", which EfficientNet
    is scaled by unless it says otherwise. `numbers` are other variables of the family, as g, or
    other scales. Raises InputError where nothing fits, UnknownNameError, SpecError.

    >>> fit("shufflenet_v1", macs="140M", g=3).channels
    960
    >>> fit("mobilenet_v2", macs="300M", over="width").scales["width"]
    0.99
    """
    from shufflenet_flops.design.fit import fit as fit_design
    from shufflenet_flops.design.scale_fit import scale_fit, scale_to_enlarge
    from shufflenet_flops.zoo.designs import check_used, find_design

    budgets = _amounts({"macs": macs, "params": params, "memory_bytes": memory, "time_s": time})
    predictor = _predictor(engine, calibration, timed=time is not None)
    scale = scale_to_enlarge([family], over, numbers)
    if scale is not None:
        if predictor is not None:
            raise InputError(
                f"time is no budget of the largest {scale}: give macs, params or memory"
            )
        counts = {name: int(limit) for name, limit in budgets.items()}
        return Fitted(fit_result(scale_fit(family, scale, numbers, counts, multiple_of)))
    if over is not None:
        raise InputError(f"over={over!r}: {family} has no such scale")
    design = find_design(family)
    check_used([design], numbers)
    for name, value in numbers.items():
        if type(value) is not int:
            raise InputError(f"{name}={value!r}: give a whole number")
    widths = {name: int(value) for name, value in numbers.items()}
    if predictor is None:
        return Fitted(fit_result(fit_design(design, widths, budgets, multiple_of)))
    fitted = fit_design(design, widths, budgets, multiple_of, predictor.seconds)
    return Fitted(fit_result(fitted, predictor.name))


def _amounts(given: Mapping[str, int | str | None]) -> dict[str, float]:
    budgets = {}
    for name, amount in given.items():
        if amount is not None:
            parsed = parse_amount(name, amount)
            budgets[name] = float(parsed) if find_metric(name).is_time else int(parsed)
    if not budgets:
        raise InputError('what is the budget? give macs, params, memory or time, as in macs="140M"')
    return budgets


def _predictor(
    engine: str | None, calibration: str | Path | None, *, timed: bool
) -> Predictor | None:
    if not timed:
        if engine is not None or calibration is not None:
            raise InputError('an engine is for a predicted time: give time, as in time="5 ms"')
        return None
    if engine is None:
        raise InputError('on which engine? give engine, as in engine="onnxruntime"')
    return predictor_of(engine, Path(calibration) if calibration is not None else None)
