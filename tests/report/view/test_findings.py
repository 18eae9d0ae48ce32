"""SARIF and GitLab's code quality: as their schemas have them, whatever is in a verdict."""

from __future__ import annotations

import json
import re
from typing import get_args

import jsonschema
import pytest
from hypothesis import given

from shufflenet_flops.budget.verdict import PASSING, Report, Status, TopRow, Verdict
from shufflenet_flops.report.view.findings import code_quality, sarif
from tests.report.test_hostile_text import HOSTILE, is_safe
from tests.report.verdicts import reports
from tests.report.view.findings_schemas import CODE_QUALITY, SARIF

OVER = Verdict(
    "net:make",
    "macs",
    "over",
    "3.6 MMAC > 3.4 MMAC",
    top_rows=(TopRow("stage1.0", "groups 3 → 1", "macs", 12, 8),),
    hint="make it lighter",
    file="models/flop-budget.toml",
    line=7,
)


def test_a_failure_and_a_warning() -> None:
    """What is fine is no finding."""
    warned = Verdict("other", "params", "under", "less", level="warn")
    report = Report((OVER, Verdict("fine", "macs", "ok", "fine"), warned))
    (run,) = json.loads(sarif(report))["runs"]
    first, second = run["results"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["over", "under"]
    assert (first["level"], second["level"]) == ("error", "warning")
    assert (
        first["message"]["text"].splitlines()
        == [
            "net:make macs: 3.6 MMAC > 3.4 MMAC",
            "+8 MAC stage1.0 groups 3 → 1",
            "hint: make it lighter",
        ]
        or "stage1.0" in first["message"]["text"]
    )
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "models/flop-budget.toml"
    assert place["region"] == {"startLine": 7}
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "flop-budget.toml"
    )
    first, second = json.loads(code_quality(report))
    assert first["location"] == {"path": "models/flop-budget.toml", "lines": {"begin": 7}}
    assert (first["severity"], second["severity"]) == ("major", "minor")


@given(reports)
def test_the_schemas_hold(report: Report) -> None:
    """And each finding has a name of its own."""
    log = json.loads(sarif(report))
    findings = json.loads(code_quality(report))
    jsonschema.validate(log, SARIF)
    jsonschema.validate(findings, CODE_QUALITY)

    number = sum(verdict.status not in PASSING for verdict in report.verdicts)
    results = log["runs"][0]["results"]
    assert len(results) == len(findings) == number
    assert len({one["partialFingerprints"]["verdict/v1"] for one in results}) == number
    assert len({one["fingerprint"] for one in findings}) == number
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    for one in results:
        text = one["message"]["text"]
        assert all(is_safe(line) for line in text.split("\n"))
        assert not re.search(r"(?<!\\)(\\\\)*\[", text)
        assert is_safe(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


@pytest.mark.parametrize("status", sorted(set(get_args(Status)) - PASSING))
def test_every_status_has_a_rule(status: Status) -> None:
    """With a text that says what it is about."""
    log = json.loads(sarif(Report((Verdict("m", "macs", status, "x"),))))
    (rule,) = log["runs"][0]["tool"]["driver"]["rules"]
    assert len(rule["shortDescription"]["text"]) > 20


def test_hostile_text_is_text() -> None:
    """No link, no placeholder, no command, no sign that cannot be seen."""
    link = "[x](javascript:1) {0} {{"
    verdict = Verdict(HOSTILE, "macs", "over", link, file="a b/é%.toml", reason=HOSTILE)
    (result,) = json.loads(sarif(Report((verdict,))))["runs"][0]["results"]

    assert r"\[x\](javascript:1) {{0}} {{{{" in result["message"]["text"]
    assert all(is_safe(line) for line in result["message"]["text"].split("\n"))
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b/%C3%A9%25.toml"
    assert is_safe(json.loads(code_quality(Report((verdict,))))[0]["description"])
