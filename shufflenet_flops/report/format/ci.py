"""Verdicts for machines that run checks: GitHub's workflow commands and JUnit's XML."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from shufflenet_flops.budget.verdict import BROKEN, PASSING, Report, Verdict
from shufflenet_flops.errors import one_line
from shufflenet_flops.report.view.budget import label, layer_lines, note_lines, place, summary

ANNOTATIONS = 10  # GitHub shows no more of a kind for one step


def github(report: Report) -> str:
    """Workflow commands that annotate the budget's line; at most ten, failures first."""
    found = [one for one in report.verdicts if one.status not in PASSING]
    found.sort(key=lambda one: one.passed)
    if not found:
        return f"::notice title=FLOP budget::{_data(summary(report))}\n"
    if len(found) <= ANNOTATIONS:
        return "".join(f"{_annotation(one)}\n" for one in found)
    shown, rest = found[: ANNOTATIONS - 1], found[ANNOTATIONS - 1 :]
    command = "warning" if all(one.passed for one in rest) else "error"
    more = f"::{command} title=FLOP budget::and {len(rest)} more: {_data(summary(report))}"
    return "".join(f"{line}\n" for line in (*map(_annotation, shown), more))


def _annotation(one: Verdict) -> str:
    properties = {"title": f"FLOP budget: {one.model} {one.metric}".strip()}
    if one.file:
        properties |= {"file": one.file, "line": str(one.line or 1)}
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    command = "warning" if one.passed else "error"
    return f"::{command} {listed}::{_data(_told(one))}"


def _told(one: Verdict) -> str:
    """Everything that there is to say about a verdict."""
    return "\n".join((one_line(one.message), *layer_lines(one), *note_lines(one)))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def junit(report: Report) -> str:
    """One test case for each verdict, in the XML that Jenkins, GitLab and Azure read.

    What is over budget is a failure and what cannot be said an error; a warning passes and is told
    in the case's output.
    """
    failures = [one for one in report.failures if one.status not in BROKEN]
    counts = {
        "tests": str(len(report.verdicts)),
        "failures": str(len(failures)),
        "errors": str(len(report.failures) - len(failures)),
    }
    suites = ElementTree.Element("testsuites", {"name": "shufflenet-flops", **counts})
    skipped = str(sum(one.status == "off" for one in report.verdicts))
    suite = ElementTree.SubElement(
        suites, "testsuite", {"name": "flop-budget", **counts, "skipped": skipped}
    )
    names: Counter[tuple[str, str]] = Counter()
    for one in report.verdicts:
        name = (one_line(one.model) or "?", one.metric)
        names[name] += 1
        _case(suite, one, *name, names[name])
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _case(suite: ElementTree.Element, one: Verdict, model: str, metric: str, nth: int) -> None:
    # Servers take two cases of one name for the same: a limit and the lock may both be on `macs`.
    name = metric if nth == 1 else f"{metric} ({nth})"
    case = ElementTree.SubElement(suite, "testcase", {"classname": model, "name": name})
    told = _told(one)
    if one.status == "off":
        ElementTree.SubElement(case, "skipped", {"message": one_line(one.message)})
    elif not one.passed:
        kind = "error" if one.status in BROKEN else "failure"
        about = {"type": one.status, "message": one_line(one.message)}
        ElementTree.SubElement(case, kind, about).text = f"{told}\n{place(one)}"
    elif label(one) == "WARN":
        ElementTree.SubElement(case, "system-out").text = f"warning: {told}"
