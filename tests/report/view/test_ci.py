"""Annotations and JUnit: nothing in a model's name or reason can be more than text."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given

from shufflenet_flops.budget.verdict import PASSING, Report, Verdict
from shufflenet_flops.report.view.ci import ANNOTATIONS, github, junit
from tests.report.verdicts import reports

JUNIT = xmlschema.XMLSchema10(Path(__file__).with_name("junit.xsd"))
# As GitHub's runner reads a line: a command, properties, and everything after the second `::`.
COMMAND = re.compile(r"::(?P<command>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")
OVER = Verdict(
    "net", "macs", "over", "2 MAC > 1 MAC", reason="a\n::error::b", file="flop-budget.toml", line=5
)


@given(reports)
def test_no_text_can_be_a_command_of_its_own(report: Report) -> None:
    """One line for each annotation, at most ten, whose properties and message are all there is."""
    text = github(report)
    lines = text.splitlines()

    assert text.endswith("\n")
    assert text.count("\n") == len(lines) <= ANNOTATIONS
    for line in lines:
        match = COMMAND.fullmatch(line)
        assert match, line
        for part in match["properties"].split(","):
            assert re.fullmatch(r"(title|file|line)=[^:,\r\n]*", part)
        assert not re.search(r"[\r\n]", match["message"])


@given(reports)
def test_every_failure_is_annotated_first(report: Report) -> None:
    """Errors before warnings; what is left out is counted."""
    commands = [COMMAND.fullmatch(line)["command"] for line in github(report).splitlines()]  # type: ignore[index]
    found = [one for one in report.verdicts if one.status not in PASSING]

    assert commands == sorted(commands, key=("error", "warning", "notice").index)
    assert ("error" in commands) == bool(report.failures)
    if not any(one.status == "lighter" for one in found):
        assert ("notice" in commands) == (not found)
    if len(found) > ANNOTATIONS:
        assert f"and {len(found) - ANNOTATIONS + 1} more: " in github(report)


def test_annotation() -> None:
    """On the budget's line, everything in the message, which GitHub decodes again."""
    (line,) = github(Report((OVER,))).splitlines()

    assert line.startswith("::error title=FLOP budget%3A net macs,file=flop-budget.toml,line=5::")
    assert unquote(line).endswith("2 MAC > 1 MAC\nreason: a ::error::b")


@given(reports)
def test_junit_is_what_servers_read(report: Report) -> None:
    """Valid, with the counts that its cases come to, and every message in it."""
    text = junit(report)
    JUNIT.validate(text)
    suites = ElementTree.fromstring(text)

    assert len(suites.findall(".//testcase")) == len(report.verdicts) == int(suites.attrib["tests"])
    for name in ("failure", "error"):
        assert len(suites.findall(f".//{name}")) == int(suites.attrib[f"{name}s"])
    assert len(suites.findall(".//skipped")) == int(suites[0].attrib["skipped"])
    cases = [tuple(sorted(case.items())) for case in suites.iter("testcase")]
    assert len(set(cases)) == len(cases)
    failed = len(suites.findall(".//failure")) + len(suites.findall(".//error"))
    assert (failed == 0) == report.ok


@pytest.mark.parametrize(
    "broken",
    [
        ('tests="1"', 'tests="one"'),
        ("<failure", "<fail"),
        ('name="macs"', ""),
        ("</testsuites>", "<x/></testsuites>"),
    ],
)
def test_the_schema_can_refuse(broken: tuple[str, str]) -> None:
    """So that the test above means something."""
    text = junit(Report((OVER,)))
    assert broken[0] in text
    with pytest.raises((xmlschema.XMLSchemaValidationError, ElementTree.ParseError)):
        JUNIT.validate(text.replace(*broken))
