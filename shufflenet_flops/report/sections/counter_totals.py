"""The picture of why counters disagree: their totals, stacked by class of work."""

from __future__ import annotations

from collections.abc import Mapping

from shufflenet_flops.measure.counters import CounterReport
from shufflenet_flops.report.plot_bars import draw_stacked
from shufflenet_flops.report.section import Picture


def counters_picture(of: str, counters: Mapping[str, CounterReport]) -> Picture:
    """What every counter makes of the model called `of`, in the counter's own unit."""
    reports = {name: one for name, one in counters.items() if one.status == "ok"}
    classes = dict.fromkeys(op_class for one in reports.values() for op_class in one.terms)
    parts = {
        op_class.replace("_", " "): [one.terms.get(op_class, 0) / 1e6 for one in reports.values()]
        for op_class in classes
    }
    unexplained = [float(abs(one.residual or 0)) / 1e6 for one in reports.values()]
    if any(unexplained):
        parts["unexplained"] = unexplained
    names = [f"{name}, {one.unit}" for name, one in reports.items()]
    return Picture(
        "counters",
        f"What each counter makes of {of}, by class of work",
        draw_stacked(
            names,
            parts,
            title=f"totals of {of} by class of work",
            x_label="millions, in each counter's unit",
        ),
    )
