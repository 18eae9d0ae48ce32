"""Verdicts as findings of a scan: SARIF, as GitHub's code scanning reads it, and GitLab's."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any
from urllib.parse import quote

from shufflenet_flops.budget.load import OWN_FILE
from shufflenet_flops.budget.verdict import PASSING, Report, Verdict
from shufflenet_flops.errors import inert, one_line, printable
from shufflenet_flops.report.view.budget import told

# By the status of a verdict: what the rule is about.
_RULES: Mapping[str, str] = {
    "over": "A model is heavier than it may be",
    "under": "A model is lighter than its lock says",
    "lighter": "A model is lighter than it was",
    "changed": "A model is built otherwise than its lock says",
    "missing": "A model is not in the lock",
    "stale": "The lock has a model that no budget has",
    "renamed": "A model has another name than in the lock",
    "unknown": "A model has ops that cannot be counted",
    "not-comparable": "Two counts cannot be compared",
    "error": "A budget cannot be looked at",
}

_SEVERITIES = {"note": "info", "warning": "minor", "error": "major"}


def sarif(report: Report) -> str:
    """SARIF 2.1.0 with a result for each verdict that is not fine."""
    found = [verdict for verdict in report.verdicts if verdict.status not in PASSING]
    used = list(dict.fromkeys(verdict.status for verdict in found))
    driver = {
        "name": "shufflenet-flops",
        "version": metadata.version("shufflenet-flops"),
        "rules": [{"id": status, "shortDescription": {"text": _RULES[status]}} for status in used],
    }
    results = [
        {
            "ruleId": verdict.status,
            "ruleIndex": used.index(verdict.status),
            "level": _level(verdict),
            "message": {"text": _message(verdict)},
            "locations": [{"physicalLocation": _place(verdict)}],
            "partialFingerprints": {"verdict/v1": name},
        }
        for verdict, name in _named(found)
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return _dumped(log)


def code_quality(report: Report) -> str:
    """GitLab's report on code quality: a finding for each verdict that is not fine."""
    found = [verdict for verdict in report.verdicts if verdict.status not in PASSING]
    return _dumped(
        [
            {
                "description": _shown(f"{verdict.model} {verdict.metric}: {verdict.message}"),
                "check_name": verdict.status,
                "fingerprint": name,
                "severity": _SEVERITIES[_level(verdict)],
                "location": {"path": _file(verdict), "lines": {"begin": verdict.line or 1}},
            }
            for verdict, name in _named(found)
        ]
    )


def _level(verdict: Verdict) -> str:
    if verdict.status == "lighter":
        return "note"
    return "warning" if verdict.passed else "error"


def _named(verdicts: list[Verdict]) -> Iterator[tuple[Verdict, str]]:
    """Each with a name that stays the same while its figures change, and is nobody else's."""
    seen: Counter[tuple[str, ...]] = Counter()
    for verdict in verdicts:
        key = (verdict.file, verdict.model, verdict.metric, verdict.status)
        seen[key] += 1
        text = json.dumps([*key, seen[key]])
        yield verdict, hashlib.sha256(text.encode()).hexdigest()[:32]


def _message(verdict: Verdict) -> str:
    """What there is to say, in which nothing is a link or a placeholder of SARIF's."""
    head = f"{one_line(verdict.model)} {one_line(verdict.metric)}: ".lstrip()
    lines = f"{head}{told(verdict)}".split("\n")
    text = "\n".join(map(_shown, lines))
    for sign in "\\[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("{", "{{").replace("}", "}}")


def _shown(text: str) -> str:
    return inert(printable(text))


def _place(verdict: Verdict) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": quote(_file(verdict).replace("\\", "/"))},
        "region": {"startLine": verdict.line or 1},
    }


def _file(verdict: Verdict) -> str:
    """A finding needs a file: the budget's own where there is no other."""
    return one_line(verdict.file) or OWN_FILE


def _dumped(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"
