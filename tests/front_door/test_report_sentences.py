"""Findings of reports on counters, times, tables and budgets are true of whatever figures."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.budget.verdict import Verdict
from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counters.explain import Explanation
from shufflenet_flops.latency.measure import Timing
from shufflenet_flops.latency.roofline import Peaks
from shufflenet_flops.paper import CellResult, CellVerdict
from shufflenet_flops.report.sections import check, explain, latency, paper

TOTALS = st.integers(0, 9) | st.integers(1, 10**12)


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Any number of counters, that ran or did not, with and without a residual."""
    reports: dict[str, CounterReport] = {}
    for name in draw(st.sets(st.sampled_from("abcde"))):
        reported, residual = draw(TOTALS), draw(st.sampled_from([0, 0, -3, 7]))
        unit = draw(st.sampled_from(["MAC", "FLOP"]))
        reports[name] = (
            CounterReport(name, "unavailable", unit, name, "", reason="it is not installed")
            if draw(st.booleans())
            else CounterReport(name, "ok", unit, name, "1", reported, reported - residual, residual)
        )
    return Explanation("net", (1, 3), draw(TOTALS), reports, {}, {}, (), {})


_SPANS = re.compile(r"([\d.]+) \((\w)\) to ([\d.]+) \((\w)\)")


@given(explanations())
def test_findings_of_an_explanation(explanation: Explanation) -> None:
    """As many totals as there are, the span that there is, and no residual that is passed over."""
    ran = [report for report in explanation.counters.values() if report.status == "ok"]
    text = " ".join(explain._findings(explanation, ran))

    if not ran:
        assert text == "No counter could run."
        return
    assert f"{explanation.macs:,} MACs ran" in text
    totals = len({report.reported for report in ran})
    said = re.search(r"(\d+) counters? reports? (.+?)\.", text)
    assert said
    assert int(said[1]) == len(ran)
    assert said[2] == {1: "one total" if len(ran) == 1 else "the same total"}.get(
        totals, f"{totals} different totals"
    )
    for low, least, high, most in _SPANS.findall(text):
        for ratio, name in ((low, least), (high, most)):
            reported = explanation.counters[name].reported
            assert reported is not None
            assert f"{reported / explanation.macs:.3f}" == ratio
        unit = explanation.counters[least].unit
        alike = [report.reported or 0 for report in ran if report.unit == unit]
        assert min(alike) == explanation.counters[least].reported
        assert max(alike) == explanation.counters[most].reported
    assert not any(low == high for low, _, high, _ in _SPANS.findall(text))
    unexplained = {report.name for report in ran if report.residual}
    assert ("nothing is unexplained" in text) == (not unexplained)
    named = re.search(r"Not explained: (.+?)\.", text)
    assert set(re.findall(r"(\w) [+-]", named[1] if named else "")) == unexplained


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    """A row of a few models, engines and inputs, whose speed follows from its time and MACs."""
    macs, median = draw(st.integers(1, 10**9)), draw(st.integers(1, 10**6)) / 1e6
    size = draw(st.sampled_from([8, 16]))
    return Timing(
        model=draw(st.sampled_from(["small", "large"])),
        engine=draw(st.sampled_from(["eager", "openvino"])),
        engine_version="1", device="cpu", dtype="float32", threads=1, batch=1,
        input=(1, 3, size, size), inputs=(f"1x3x{size}x{size}",), status="ok", reason="",
        macs=macs, memory_bytes=1, peaks=Peaks(1, ()),
        median_s=median, q1_s=0.9 * median, q3_s=1.1 * median, flop_per_s=2 * macs / median,
    )  # fmt: skip


@given(st.lists(timings(), min_size=1, max_size=6))
def test_findings_of_latencies(rows: list[Timing]) -> None:
    """The slowest and the fastest are those; who is faster with more work is both."""
    for said in latency._rates(rows):
        if even := re.fullmatch(r"On (\w+) every model gets (\S+) GFLOP/s\.", said):
            assert {
                f"{(row.flop_per_s or 0) / 1e9:.3g}" for row in rows if row.engine == even[1]
            } == {even[2]}
            continue
        engine, low, slow, high, fast = re.findall(
            r"On (\w+) a model gets from (\S+) GFLOP/s \((.+?)\) to (\S+) GFLOP/s \((.+?)\)", said
        )[0]
        speeds = [(row.flop_per_s or 0, row) for row in rows if row.engine == engine]
        least, most = (pick(speeds, key=lambda pair: pair[0]) for pick in (min, max))
        assert (low, high) == (f"{least[0] / 1e9:.3g}", f"{most[0] / 1e9:.3g}")
        assert ("do not tell" in said) == (most[0] > 1.5 * least[0])
        for speed, place in ((least[0], slow), (most[0], fast)):
            assert speed in [
                other
                for other, row in speeds
                if place in (row.model, f"{row.model} on {row.inputs[0]}")
            ]
    for text in latency._order(rows):
        for more, fewer, engine in re.findall(
            r"(\w+) has more MACs than (\w+) and is faster on (\w+)", text
        ):
            assert any(
                a.macs > b.macs and (a.median_s or 0) < (b.median_s or 0)
                for a in rows
                for b in rows
                if (a.model, b.model, a.engine, b.engine) == (more, fewer, engine, engine)
            )


@st.composite
def cells(draw: st.DrawFn) -> CellResult:
    """A cell with any verdict; a difference where it is not exact."""
    verdict = draw(st.sampled_from(CellVerdict))
    difference = draw(st.floats(-2, 2).filter(bool)) if verdict is CellVerdict.NEAR else None
    return CellResult(
        table="t", row=draw(st.sampled_from("xyz")), column="c", printed="1",
        unit=draw(st.sampled_from(["MAC", "params"])), computed=1,
        convention=draw(st.sampled_from([None, "paper", "flops"])), verdict=verdict, note="",
        shown="1", printed_unit="", match="rounded", difference=difference,
        recorded=verdict, model=None, alternatives=(),
    )  # fmt: skip


@given(st.lists(cells(), min_size=1, max_size=9))
def test_findings_of_a_papers_tables(found: list[CellResult]) -> None:
    """The verdicts add up, and the farthest is the farthest."""
    text = " ".join(paper._findings(found))
    by_verdict = {
        verdict: sum(cell.verdict is verdict for cell in found) for verdict in CellVerdict
    }
    judged = len(found) - by_verdict[CellVerdict.QUOTED]
    if not judged:
        assert text == "These figures are quoted only: nothing here is computed."
        return
    numbers = list(map(int, re.findall(r"\d+", text.partition(". ")[0])))
    assert numbers == [
        by_verdict[CellVerdict.EXACT], judged, by_verdict[CellVerdict.NEAR],
        by_verdict[CellVerdict.UNEXPLAINED],
    ]  # fmt: skip
    assert sum(numbers) - judged == judged
    said = re.search(r"\(([+-][\d.]+) %\)", text)
    differences = [abs(cell.difference) for cell in found if cell.difference]
    assert (said is not None) == bool(differences)
    if said:
        assert abs(abs(float(said[1])) - 100 * max(differences)) <= 0.05 + 1e-9
    exact = [cell for cell in found if cell.verdict is CellVerdict.EXACT and cell.unit == "MAC"]
    for number, name in re.findall(r"(\d+) under `(\w+)`", text):
        assert int(number) == sum(cell.convention == name for cell in exact)
    assert ("count multiply-accumulates" in text) <= all(
        cell.convention != "flops" for cell in exact
    )


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """A limit that is kept or passed."""
    actual, limit = draw(st.integers(0, 50)), draw(st.integers(1, 50))
    return Verdict(
        model=draw(st.sampled_from(["one", "two"])),
        metric=draw(st.sampled_from(["macs", "params"])),
        status="ok" if actual <= limit else "over",
        message=f"{actual} of {limit}",
        actual=actual,
        limit=limit,
    )


@given(st.lists(verdicts(), min_size=1, max_size=6))
def test_findings_of_budgets(found: list[Verdict]) -> None:
    """The nearest of those that pass is the nearest; each that fails is there."""
    summary, *others = check.verdicts_section("check", "?", found).findings
    failed = [verdict for verdict in found if not verdict.passed]
    shares = [(verdict.actual or 0) / (verdict.limit or 1) for verdict in found if verdict.passed]
    nearest = [text for text in others if text.startswith("Of those that pass")]

    assert len(nearest) == bool(shares)
    for text in nearest:
        name, share = re.findall(r"pass, (\w+ \w+) is nearest to its limit: ([\d.]+) %", text)[0]
        assert share == f"{100 * max(shares):.2f}"
        assert name in {f"{verdict.model} {verdict.metric}" for verdict in found}
    assert len(others) - len(nearest) == len(failed)
    assert (str(len(failed)) in summary) or not failed


def test_the_properties_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding that passes over a residual is seen."""
    report = CounterReport("a", "ok", "MAC", "a", "1", 5, 4, 1)
    wrong = Explanation("net", (1, 3), 4, {"a": report}, {}, {}, (), {})

    def silent(explanation: Explanation, ran: list[CounterReport]) -> list[str]:
        return ["4 MACs ran; 1 counter reports one total.", "nothing is unexplained"]

    monkeypatch.setattr(explain, "_findings", silent)

    inner: Any = test_findings_of_an_explanation
    with pytest.raises(AssertionError):
        inner.hypothesis.inner_test(wrong)
