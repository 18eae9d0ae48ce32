"""The picture of why counters disagree: their totals, stacked by class of work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.report.plot.bars import draw_stacked
from shufflenet_flops.report.section import Picture
from shufflenet_flops.report.view.explain import class_label
from shufflenet_flops.saved_file import Saved

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


def counters_picture(of: str, counters: Mapping[str, CounterReport]) -> Picture:
    """What every counter makes of the model called `of`, in the counter's own unit."""
    reports = {name: report for name, report in counters.items() if report.status == "ok"}
    largest: dict[str, int] = {}
    for report in reports.values():
        for op_class, amount in report.terms.items():
            largest[op_class] = max(largest.get(op_class, 0), abs(amount))
    shown = sorted(largest, key=largest.__getitem__, reverse=True)[:_MOST]
    parts = {
        class_label(op_class): [report.terms.get(op_class, 0) / 1e6 for report in reports.values()]
        for op_class in shown
    }
    if len(shown) < len(largest):
        parts["other classes"] = [
            sum(amount for op_class, amount in report.terms.items() if op_class not in shown) / 1e6
            for report in reports.values()
        ]
    unexplained = [float(abs(report.residual or 0)) / 1e6 for report in reports.values()]
    if any(unexplained):
        parts["unexplained"] = unexplained
    names = [f"{name}, {report.unit}" for name, report in reports.items()]
    return Picture(
        "counters",
        f"What each counter makes of {of}, by class of work",
        draw_stacked(
            names,
            parts,
            title=f"totals of {of} by class of work",
            x_label="millions, in each counter's unit",
            colours={"other classes": "#9CA3AF", "unexplained": "#111111"},
        ),
    )
