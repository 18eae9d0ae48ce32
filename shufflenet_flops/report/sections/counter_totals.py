"""The picture of why counters disagree: what they report beyond the MACs, by class of work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counting.row import MAC_CLASSES
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.section import Picture
from shufflenet_flops.report.view.explain import class_label

_MACS = "MACs missed or counted twice"
_UNEXPLAINED = "unexplained"
_MOST = 6  # classes with a colour of their own; more are not told apart


def check_counters(saved: Saved, reports: Iterable[Mapping[str, CounterReport]]) -> None:
    """Raise DataError unless all results have the same counters, and every total its prediction."""
    names = None
    for i, counters in enumerate(reports):
        names = names or list(counters)
        if list(counters) != names:
            raise saved.misfit(f"results[{i}].counters: are not those of results[0]")
        for name, report in counters.items():
            figures = (report.reported, report.predicted, report.residual)
            if report.status == "ok" and None in figures:
                raise saved.misfit(
                    f"results[{i}].counters.{name}: is ok, so reported, predicted and residual "
                    "must be numbers"
                )


def counters_picture(
    of: str, macs: int, counters: Mapping[str, CounterReport]
) -> tuple[Picture, ...]:
    """How far every counter's total is from the MACs that ran, by class of work.

    Of a counter of FLOPs it is how far from twice as many. There is no picture where none differs.
    """
    reports = {name: report for name, report in counters.items() if report.status == "ok"}
    beyond = {name: _beyond(report, macs) for name, report in reports.items()}
    largest: dict[str, int] = {}
    for parts in beyond.values():
        for part, amount in parts.items():
            largest[part] = max(largest.get(part, 0), abs(amount))
    shown = sorted(filter(largest.get, largest), key=largest.__getitem__, reverse=True)[:_MOST]
    if not shown:
        return ()
    size, word = (10**6, "millions") if largest[shown[0]] >= 10**5 else (10**3, "thousands")
    drawn = {part: [parts.get(part, 0) / size for parts in beyond.values()] for part in shown}
    rest = [
        sum(amount for part, amount in parts.items() if part not in shown) / size
        for parts in beyond.values()
    ]
    if any(rest):
        drawn["other classes"] = rest
    return (
        Picture(
            "counters",
            f"What each counter of {of} reports beyond the MACs that ran, by class of work",
            draw_stacked(
                [f"{name}, {report.unit}" for name, report in reports.items()],
                drawn,
                title="what counters add to the MACs that ran",
                x_label=f"{word}, in each counter's unit",
                colours={"other classes": "#9CA3AF", _UNEXPLAINED: "#111111"},
            ),
        ),
    )


def _beyond(report: CounterReport, macs: int) -> dict[str, int]:
    """A total less the MACs that ran, or less twice them where the counter counts FLOPs."""
    classes = {op_class.value for op_class in MAC_CLASSES}
    counted = sum(amount for name, amount in report.terms.items() if name in classes)
    parts = {
        _MACS: counted - macs * (2 if report.unit == "FLOP" else 1),
        **{
            class_label(name): amount
            for name, amount in report.terms.items()
            if name not in classes
        },
        _UNEXPLAINED: report.residual or 0,
    }
    return {part: amount for part, amount in parts.items() if amount}
