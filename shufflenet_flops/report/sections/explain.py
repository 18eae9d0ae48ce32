"""Why counters disagree on one model."""

from __future__ import annotations

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counters.explain import Explanation
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.saved import Saved, structured
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.sections.counter_totals import counters_picture
from shufflenet_flops.report.view.explain import explain_grids


def section(saved: Saved) -> Section:
    """Every counter's total, taken apart by class of work."""
    (result,) = saved.results
    if "matches" in result:
        raise InputError("explain --reported names one number: there is no report on that")
    found: Explanation = structured(Explanation, result)
    reports = [report for report in found.counters.values() if report.status == "ok"]
    return Section(
        name="explain",
        question=f"Why do counters disagree on {found.model}?",
        findings=tuple(_findings(found, reports)),
        grids=tuple(explain_grids(found)),
        pictures=(counters_picture(found.model, found.counters),) if reports else (),
        convention="Every counter has its own, and its own unit; a class of work is listed where a "
        "counter gives it a weight.",
    )


def _findings(found: Explanation, reports: list[CounterReport]) -> list[str]:
    if not reports:
        return ["No counter could run."]
    totals = {report.reported for report in reports}
    findings = [
        f"{found.macs:,} MACs ran; {len(reports)} counters report {len(totals)} different totals."
    ]
    spans = [
        f"those that count {unit}s report {span}"
        for unit in ("MAC", "FLOP")
        if (span := _span([report for report in reports if report.unit == unit], found.macs))
    ]
    if spans:
        findings.append(f"In multiples of the MACs, {'; '.join(spans)}.")
    open_ones = [report for report in reports if report.residual]
    findings.append(
        "Every total is predicted from the ops that ran: nothing is unexplained."
        if not open_ones
        else "Not explained: "
        + ", ".join(f"{report.name} {report.residual:+,}" for report in open_ones)
        + "."
    )
    wrong = [name for name, miscounts in found.miscounts.items() if miscounts]
    if wrong:
        findings.append(f"Miscounting MACs, not of another opinion: {', '.join(wrong)}.")
    return findings


def _span(reports: list[CounterReport], macs: int) -> str:
    """The least and the most that counters of one unit report, in multiples of the MACs."""
    ratios = {report.name: (report.reported or 0) / macs for report in reports if macs}
    if not ratios:
        return ""
    low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    return f"{ratios[low]:.3f} ({low}) to {ratios[high]:.3f} ({high})"
