"""Why counters disagree on one model."""

from __future__ import annotations

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counters.explain import Explanation, NamedNumber
from shufflenet_flops.counters.training import StepExplanation
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.sections.counter_totals import check_counters, counters_picture
from shufflenet_flops.report.sections.training import explained_step
from shufflenet_flops.report.view.explain import explain_grids, match_grid


def section(saved: Saved) -> Section:
    """Every counter's total, taken apart by class of work."""
    if "matches" in saved.results[0]:
        return _named(saved.single(NamedNumber))
    if "traced" in saved.results[0]:
        return explained_step(saved.single(StepExplanation))
    explanation = saved.single(Explanation)
    check_counters(saved, [explanation.counters])
    reports = [report for report in explanation.counters.values() if report.status == "ok"]
    return Section(
        name="explain",
        question=f"Why do counters disagree on {explanation.model}?",
        findings=tuple(_findings(explanation, reports)),
        grids=tuple(explain_grids(explanation)),
        pictures=counters_picture(explanation.model, explanation.macs, explanation.counters),
        convention="Every counter has its own, and its own unit; a class of work is listed where a "
        "counter gives it a weight.",
    )


def _named(number: NamedNumber) -> Section:
    """Who gives a total that somebody reported."""
    names = dict.fromkeys(match.counter for match in number.matches if number.is_meant(match))
    return Section(
        name="explain-reported",
        question=f"Who reports {number.reported:,} for {number.model}?",
        findings=(
            f"It is what {' and '.join(names)} {'reports' if len(names) == 1 else 'report'}, "
            "to the digits that are given."
            if names
            else "No counter and no convention gives it; the nearest follow.",
        ),
        grids=(match_grid(number),),
    )


def _findings(explanation: Explanation, reports: list[CounterReport]) -> list[str]:
    if not reports:
        return ["No counter could run."]
    totals = len({report.reported for report in reports})
    report = (
        "1 counter reports one total"
        if len(reports) == 1
        else f"{len(reports)} counters report "
        + (f"{totals} different totals" if totals > 1 else "the same total")
    )
    findings = [f"{explanation.macs:,} MACs ran; {report}."]
    spans = [
        f"those that count {unit}s report {span}"
        for unit in ("MAC", "FLOP")
        if (span := _span([report for report in reports if report.unit == unit], explanation.macs))
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
    wrong = [name for name, miscounts in explanation.miscounts.items() if miscounts]
    if wrong:
        findings.append(f"What no convention explains: {', '.join(wrong)} miscounted MACs.")
    return findings


def _span(reports: list[CounterReport], macs: int) -> str:
    """The least and the most that counters of one unit report, in multiples of the MACs."""
    ratios = {report.name: (report.reported or 0) / macs for report in reports if macs}
    if not ratios:
        return ""
    low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    least, most = f"{ratios[low]:.3f}", f"{ratios[high]:.3f}"
    return least if least == most else f"{least} ({low}) to {most} ({high})"
