"""Verdicts for machines that run checks: GitHub's workflow commands and JUnit's XML."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from shufflenet_flops.budget.verdict import BROKEN, PASSING, Report, Verdict
from shufflenet_flops.errors import one_line
from shufflenet_flops.report.view.budget import label, place, summary, told

ANNOTATIONS = 10  # GitHub shows no more of a kind for one step

_COMMANDS = ("error", "warning", "notice")  # the most urgent first


def github(report: Report) -> str:
    """Workflow commands that annotate the budget's line; at most ten, failures first."""
    urgent = [verdict for verdict in report.verdicts if verdict.status not in PASSING]
    urgent.sort(key=lambda verdict: _COMMANDS.index(_command(verdict)))
    if not urgent:
        return f"::notice title=FLOP budget::{_data(summary(report))}\n"
    if len(urgent) <= ANNOTATIONS:
        return "".join(f"{_annotation(verdict)}\n" for verdict in urgent)
    shown, rest = urgent[: ANNOTATIONS - 1], urgent[ANNOTATIONS - 1 :]
    command = _command(rest[0])
    more = f"::{command} title=FLOP budget::and {len(rest)} more: {_data(summary(report))}"
    return "".join(f"{line}\n" for line in (*map(_annotation, shown), more))


def _annotation(verdict: Verdict) -> str:
    properties = {"title": f"FLOP budget: {verdict.model} {verdict.metric}".strip()}
    if verdict.file:
        properties |= {"file": verdict.file, "line": str(verdict.line or 1)}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_command(verdict)} {listed}::{_data(told(verdict))}"


def _command(verdict: Verdict) -> str:
    if verdict.status == "lighter":
        return "notice"
    return "warning" if verdict.passed else "error"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def junit(report: Report) -> str:
    """One test case for each verdict, in the XML that Jenkins, GitLab and Azure read.

    What is over budget is a failure and what cannot be said an error; a warning passes and is told
    in the case's output.
    """
    failures = [verdict for verdict in report.failures if verdict.status not in BROKEN]
    counts = {
        "tests": str(len(report.verdicts)),
        "failures": str(len(failures)),
        "errors": str(len(report.failures) - len(failures)),
    }
    suites = ElementTree.Element("testsuites", {"name": "shufflenet-flops", **counts})
    skipped = str(sum(verdict.status == "off" for verdict in report.verdicts))
    suite = ElementTree.SubElement(
        suites, "testsuite", {"name": "flop-budget", **counts, "skipped": skipped}
    )
    names: Counter[tuple[str, str]] = Counter()
    for verdict in report.verdicts:
        name = (one_line(verdict.model) or "?", verdict.metric)
        names[name] += 1
        _case(suite, verdict, *name, names[name])
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _case(suite: ElementTree.Element, verdict: Verdict, model: str, metric: str, nth: int) -> None:
    # Servers take two cases of one name for the same: a limit and the lock may both be on `macs`.
    name = metric if nth == 1 else f"{metric} ({nth})"
    case = ElementTree.SubElement(suite, "testcase", {"classname": model, "name": name})
    if verdict.status == "off":
        ElementTree.SubElement(case, "skipped", {"message": one_line(verdict.message)})
    elif not verdict.passed:
        kind = "error" if verdict.status in BROKEN else "failure"
        about = {"type": verdict.status, "message": one_line(verdict.message)}
        ElementTree.SubElement(case, kind, about).text = f"{told(verdict)}\n{place(verdict)}"
    elif label(verdict) == "WARN":
        ElementTree.SubElement(case, "system-out").text = f"warning: {told(verdict)}"
