"""The widest networks within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.design.fit import Choice, Fit, is_more
from shufflenet_flops.latency.predict.prediction import CalibrationName
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shufflenet_flops.latency.stats import Latency


@dataclass(frozen=True)
class WidthResult:
    """What a family comes to at one width, or at these scales."""

    channels: int
    macs: int
    flops: int
    params: int
    activations: int
    memory_bytes: int
    scales: Mapping[str, int | float] = field(default_factory=dict)
    time_s: float | None = None


@dataclass(frozen=True)
class FitResult:
    """The widest network or unit within `budgets`, and the next wider, which is over.

    `channels` are those of a network's last stage, or of a unit's input; `metric` is the budget
    that the next wider network breaks. `over` is the scale that was enlarged in place of the
    channels, in steps of `multiple_of`, and `scales` are what the family is scaled by. Under a
    time, `calibration` is what predicts it, and `measured_s` what a measured check gave.
    """

    family: str
    unit: str | None
    options: Mapping[str, int | float]
    metric: str
    budget: float
    budgets: Mapping[str, float]
    multiple_of: int | float
    channels: int
    macs: int
    flops: int
    params: int
    activations: int
    memory_bytes: int
    next_wider: WidthResult
    over: str | None = None
    scales: Mapping[str, int | float] = field(default_factory=dict)
    time_s: float | None = None
    calibration: CalibrationName | None = None
    measured_s: Mapping[str, float] | None = None

    def is_over(self, metric: str) -> bool:
        """Whether the next wider network breaks this budget."""
        return is_more(metric, getattr(self.next_wider, metric), self.budgets[metric])


def fit_result(
    fit: Fit, calibration: CalibrationName | None = None, measured: Latency | None = None
) -> FitResult:
    """The result of one fit, the `calibration` of its times, and what was `measured` of it."""
    metric = fit.over[0]
    return FitResult(
        family=fit.design.name,
        unit=fit.design.unit,
        options=dict(fit.numbers),
        metric=metric,
        budget=fit.budgets[metric],
        budgets=dict(fit.budgets),
        multiple_of=fit.step,
        next_wider=width_result(fit.next_wider),
        over=fit.scale,
        calibration=calibration,
        measured_s={"median": measured.median, "q1": measured.q1, "q3": measured.q3}
        if measured
        else None,
        **asdict(width_result(fit.best)),
    )


def width_result(choice: Choice) -> WidthResult:
    """What a network of one width comes to."""
    return WidthResult(choice.channels, scales=choice.scales, **choice.metrics)


def fit_grid(results: Sequence[FitResult], failures: Sequence[str]) -> Grid:
    """One line per family and options; the widest carries the star."""
    if results[0].over:
        return _scales_grid(results, failures)
    limits = results[0].budgets
    names = list(dict.fromkeys(name for result in results for name in result.options))
    columns = [
        Column("network", figures=False),
        *(Column(name) for name in names),
        Column("widest\nchannels"),
        *(Column(f"it has\n{_unit(metric)}") for metric in limits),
        *([Column("measured\nms")] if any(result.measured_s for result in results) else []),
        Column("widths are\nmultiples of"),
        Column("next wider\nchannels"),
        *(Column(f"it has\n{_unit(metric)}") for metric in limits),
    ]
    widest = max(result.channels for result in results)
    alike = len({result.unit is None for result in results}) == 1
    several = len(results) > 1
    rows: list[list[Cell | str]] = [
        [
            result.family,
            *(str(result.options.get(name, "–")) for name in names),
            Cell(f"{result.channels:,}", best=alike and several and result.channels == widest),
            *(_scaled(metric, getattr(result, metric)) for metric in limits),
            *([f"{1e3 * result.measured_s['median']:.3f}"] if result.measured_s else []),
            str(result.multiple_of),
            f"{result.next_wider.channels:,}",
            *(
                ("> " if result.is_over(metric) else "")
                + _scaled(metric, getattr(result.next_wider, metric))
                for metric in limits
            ),
        ]
        for result in results
    ]
    calibrations = {
        result.calibration.name: None for result in results if result.calibration is not None
    }
    notes = [
        "channels of a network's last stage, or of a unit's input; the next valid width is a step "
        "wider, and over the budgets marked >",
        *(f"predicted from the calibration of {name}" for name in calibrations),
        *failures,
    ]
    return grid(f"widest within {_allowed(limits)}", columns, rows, notes)


def _allowed(limits: Mapping[str, float]) -> str:
    return " and ".join(
        f"{limit / _size(metric):,.6g} {_unit(metric)}" for metric, limit in limits.items()
    )


def _scales_grid(results: Sequence[FitResult], failures: Sequence[str]) -> Grid:
    """Two lines per family and options: the largest scale within the budgets, and the next."""
    limits = results[0].budgets
    over = results[0].over
    names = list(dict.fromkeys(name for result in results for name in result.scales))
    columns = [
        Column("network", figures=False),
        *(Column(name) for name in names),
        *(Column(find_metric(metric).scaled("M")) for metric in limits),
        Column("verdict", figures=False),
    ]
    rows: list[list[Cell | str]] = []
    for result in results:
        for choice, fits in ((result, True), (result.next_wider, False)):
            rows.append(
                [
                    result.family,
                    *(
                        f"{choice.scales[name]:,}" if name in choice.scales else "–"
                        for name in names
                    ),
                    *(mega(getattr(choice, metric)) for metric in limits),
                    "fits" if fits else "is over",
                ]
            )
    notes = [f"largest {over}, in steps of {results[0].multiple_of}", *failures]
    return grid(f"largest {over} within {_allowed(limits)}", columns, rows, notes)


def _size(metric: str) -> float:
    return 1e-3 if find_metric(metric).is_time else 1e6


def _unit(metric: str) -> str:
    return "predicted ms" if find_metric(metric).is_time else find_metric(metric).scaled("M")


def _scaled(metric: str, amount: Any) -> str:
    return f"{1e3 * amount:.3f}" if find_metric(metric).is_time else mega(amount)


def draw_widths(fits: Sequence[Fit]) -> Figure:
    """The widest channels against g, one line per family."""
    from shufflenet_flops.report.plot.figure import draw_lines

    lines: dict[str, list[tuple[float, float]]] = {}
    for fit in fits:
        if "g" in fit.numbers:
            lines.setdefault(fit.design.name, []).append((fit.numbers["g"], fit.best.channels))
    ((metric, limit),) = fits[0].budgets.items()
    return draw_lines(
        lines,
        title=f"the widest network within {limit / _size(metric):,.6g} {_unit(metric)}",
        x_label="groups g",
        y_label="channels of the last stage",
    )
