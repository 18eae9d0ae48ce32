"""Verdicts as text and Markdown: what failed is last or first, and text stays text."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from markdown_it import MarkdownIt

from shufflenet_flops.budget.verdict import PASSING, Report, TopRow, Verdict
from shufflenet_flops.report.view.budget import label, markdown, summary, text
from shufflenet_flops.saved import record
from tests.report.verdicts import reports

ROWS = (
    TopRow("stage3.1.pw2", "groups 3 → 1", "macs", 14_700_000, 9_800_000),
    TopRow("stage3.2.pw2", "groups 3 → 1", "macs", 900_000, 600_000),
)
OVER = Verdict(
    model="net",
    metric="macs",
    status="over",
    message="152.3 MMAC > 140.0 MMAC, +12.3 MMAC (+8.8 %)",
    top_rows=ROWS,
    more_rows=2,
    reason="paper,\ntable 5",
    hint="make it lighter",
    file="flop-budget.toml",
    line=5,
)
MEMORY = Verdict(
    "net", "memory", "over", "2 MB > 1 MB", top_rows=ROWS[:1], file="flop-budget.toml", line=6
)
FINE = Verdict("a_longer_name", "params", "ok", "1.9 M ≤ 2.0 M", hint="the limit can drop to 1.9 M")
WARNED = Verdict("net", "latency", "over", "14 ms > 12 ms", level="warn")


def test_text() -> None:
    """In columns: a model that failed is named once, and a layer of it is told once."""
    assert text(Report((OVER, MEMORY, FINE, WARNED))) == (
        "ok    a_longer_name  params   1.9 M ≤ 2.0 M (the limit can drop to 1.9 M)\n"
        "WARN  net            latency  14 ms > 12 ms\n"
        "FAIL  net            macs     152.3 MMAC > 140.0 MMAC, +12.3 MMAC (+8.8 %)"
        "  flop-budget.toml:5\n"
        "                     memory   2 MB > 1 MB  flop-budget.toml:6\n"
        "      reason: paper, table 5\n"
        "      hint: make it lighter\n"
        "        +9.8 MMAC  stage3.1.pw2  groups 3 → 1\n"
        "      +600.0 kMAC  stage3.2.pw2  groups 3 → 1\n"
        "      and 2 more layers\n"
        "2 of 4 failed, 1 warning\n"
    )


def test_commands_come_next() -> None:
    """Those of what failed, each once and no more than three; never half of one."""
    hints = [f"if this is meant, `shufflenet-flops lock {name}`" for name in "abcdd"]
    failed = [replace(OVER, model=f"net{i}", hint=hint) for i, hint in enumerate(hints)]
    lines = text(Report((replace(FINE, hint=hints[4].replace("d", "z")), *failed))).splitlines()

    assert lines[-5:] == [
        *(f"next: shufflenet-flops lock {name}" for name in "abc"),
        "next: and 1 more",
        "5 of 6 failed",
    ]
    odd = replace(OVER, hint="run `shufflenet-flops lock 'a`b'`")
    assert "next" not in text(Report((odd,)))


def test_summaries() -> None:
    """Short, and whole."""
    off = Verdict("net", "all", "off", "", level="off")
    error = Verdict("net", "model", "error", "")

    assert summary(Report((FINE, off))) == "1 checked, all fine, 1 off"
    assert summary(Report((FINE, WARNED))) == "2 checked, 1 warning"
    assert summary(Report((OVER, error, error))) == "1 of 1 failed, 2 errors"
    assert summary(Report(())) == "nothing to compare"


@given(reports)
def test_text_is_one_line_for_each_thing(report: Report) -> None:
    """Nothing in it can act on a terminal, and every failure is below what is fine."""
    lines = text(report).split("\n")[:-1]
    words = [line.split()[0] for line in lines[:-1] if not line.startswith((" ", "next: "))]

    assert all(line.isprintable() for line in lines)
    fine = [label(verdict) for verdict in report.verdicts if verdict.status in PASSING]
    others = {
        (label(verdict), verdict.model)
        for verdict in report.verdicts
        if verdict.status not in PASSING
    }
    assert sorted(words) == sorted([*fine, *(word for word, _ in others)])
    assert words == sorted(words, key=("off", "ok", "lighter", "WARN", "FAIL", "ERROR").index)


@given(reports)
def test_markdown_has_no_more_markup_than_ours(report: Report) -> None:
    """A row for each verdict, and no link, picture, heading or mention of a user's making."""
    source = markdown(report, "FLOP budget")
    html = MarkdownIt("commonmark").enable("table").enable("strikethrough").render(source)

    assert html.count("<tr>") == len(report.verdicts) + html.count("<thead>")
    tags = set(re.findall(r"</?([a-zA-Z0-9]+)", html))
    assert tags <= set(
        "h3 table thead tbody tr th td p ul li strong code pre details summary".split()
    )
    outside_code = re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert not re.search(r"@\w", outside_code)


def test_markdown() -> None:
    """What failed first, then the layers behind it, and folded up what is fine."""
    source = markdown(Report((FINE, OVER)), "FLOP budget")

    assert source.startswith("### FLOP budget: 1 of 2 failed\n\n| | model | metric | | where |\n")
    assert source.index("FAIL") < source.index("<summary>1 fine</summary>\n\n| | model")
    assert "```text\n  +9.8 MMAC  stage3.1.pw2  groups 3 → 1\n+600.0 kMAC  stage3.2.pw2" in source
    assert "- reason: paper, table 5\n" in source
    assert "details" not in markdown(Report((FINE,)), "FLOP budget")


def test_text_is_wrapped_at_the_width_below_the_message() -> None:
    """No word is cut, no figure loses its unit, and the columns stay columns."""
    lines = text(Report((OVER, FINE)), width=60).splitlines()

    assert lines[2:4] == [
        "FAIL  net            macs    152.3 MMAC > 140.0 MMAC,",
        "                             +12.3 MMAC (+8.8 %)",
    ]
    assert all(len(line) <= 60 for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(text(Report((OVER, FINE))).split())
    for width in range(20, 100):
        told = text(Report((OVER,)), width)
        for figure in ("152.3 MMAC", "140.0 MMAC", "+12.3 MMAC", "+8.8 %"):
            assert figure in told, width


def test_verdicts_on_one_model_stand_together() -> None:
    """Also where others are between them in the file."""
    other = replace(OVER, model="other")
    found = text(Report((OVER, other, MEMORY)))

    assert found.index("memory") < found.index("other")
    assert found.count("stage3.1.pw2") == 2


def test_results_have_the_keys_that_scripts_rely_on() -> None:
    """Full integers, in the order of the command line's documentation."""
    (result,) = record(Report((OVER,)).verdicts)

    assert set(result) >= {
        *("model", "metric", "level", "status", "actual", "limit", "locked", "delta", "top_rows"),
        *("reason", "file", "line"),
    }
    assert result["top_rows"][0]["delta"] == 9_800_000
