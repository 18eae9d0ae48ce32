"""Verdicts for people and for scripts: text, Markdown, and the results of the JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from shufflenet_flops.budget.quantity import figure, signed
from shufflenet_flops.budget.verdict import PASSING, Report, TopRow, Verdict
from shufflenet_flops.errors import one_line
from shufflenet_flops.report.markdown import escape

_INDENT = "      "


def results(report: Report) -> list[dict[str, Any]]:
    """The results of the JSON: one for each model and metric."""
    return [asdict(one) for one in report.verdicts]


def text(report: Report) -> str:
    """One line for each verdict, what failed last with the layers behind it, and a summary."""
    verdicts = sorted(report.verdicts, key=_urgency)
    widths = [
        max((len(cell) for cell in column), default=0)
        for column in zip(*map(_head, verdicts), strict=True)
    ]
    lines: list[str] = []
    for _, of_model in groupby(verdicts, lambda one: (label(one), one.model)):
        group = list(of_model)
        shown: set[tuple[str, str]] = set()
        for one in group:
            cells = [cell.ljust(width) for cell, width in zip(_head(one), widths, strict=True)]
            lines.append("  ".join((*cells, _line(one))).rstrip())
            if one.status not in PASSING:
                # A layer behind another figure of the model is not news.
                rows = [row for row in one.top_rows if (row.path, row.change) not in shown]
                shown.update((row.path, row.change) for row in rows)
                lines += (
                    f"{_INDENT}{line}" for line in layer_lines(replace(one, top_rows=tuple(rows)))
                )
        notes = dict.fromkeys(note for one in group for note in note_lines(one))
        lines += (f"{_INDENT}{note}" for note in notes)
    return "\n".join((*lines, summary(report))) + "\n"


def summary(report: Report) -> str:
    """`2 of 30 failed, 1 error, 1 warning`."""
    labels = Counter(map(label, report.verdicts))
    judged = labels["ok"] + labels["WARN"] + labels["FAIL"]
    failed = labels["FAIL"]
    parts = [f"{failed} of {judged} failed" if failed else f"{judged} checked"] if judged else []
    if judged == labels["ok"] > 0:
        parts[0] += ", all fine"
    for name, word in (("ERROR", "error"), ("WARN", "warning")):
        if labels[name]:
            parts.append(f"{labels[name]} {word}{'s' if labels[name] > 1 else ''}")
    if labels["off"]:
        parts.append(f"{labels['off']} off")
    return ", ".join(parts) or "nothing to compare"


def label(one: Verdict) -> str:
    """`ok`, `off`, `WARN`, `FAIL`, or `ERROR` where nothing can be said."""
    if one.status in PASSING:
        return one.status
    if one.passed:
        return "WARN"
    return "ERROR" if one.status in ("error", "not-comparable") else "FAIL"


def row_cells(row: TopRow) -> tuple[str, str, str]:
    """`+9.8 MMAC`, `stage3.1.branch.pw2`, `groups 3 → 1`; or what the layer weighs by itself."""
    in_figures = (
        figure(row.metric, row.amount) if row.delta is None else signed(row.metric, row.delta)
    )
    return in_figures, one_line(row.path), one_line(row.change)


def layer_lines(one: Verdict) -> list[str]:
    """The layers behind a verdict, with the figures and names in columns."""
    cells = list(map(row_cells, one.top_rows))
    widths = [max((len(cell[i]) for cell in cells), default=0) for i in (0, 1)]
    lines = [
        f"{amount.rjust(widths[0])}  {path.ljust(widths[1])}  {change}"
        for amount, path, change in cells
    ]
    if one.top_rows and one.top_rows[0].delta is None:
        lines.insert(0, "heaviest layers:")
    if one.more_rows:
        lines.append(_more(one))
    return lines


def _more(one: Verdict) -> str:
    return f"and {one.more_rows} more layer{'s' if one.more_rows > 1 else ''}"


def note_lines(one: Verdict) -> list[str]:
    """Why there is the budget, and what to do, for a verdict that is not fine."""
    if one.status in PASSING:
        return []
    notes = {"reason": one.reason, "hint": one.hint}
    return [f"{name}: {one_line(note)}" for name, note in notes.items() if note]


def _urgency(one: Verdict) -> int:
    return ("off", "ok", "WARN", "FAIL", "ERROR").index(label(one))


def _head(one: Verdict) -> tuple[str, str, str]:
    return label(one), one_line(one.model) or "?", one.metric


def _line(one: Verdict) -> str:
    note = f" ({one.hint})" if one.hint and one.status == "ok" else ""
    return "  ".join((one_line(one.message + note), *([place(one)] if one.status != "ok" else [])))


def place(one: Verdict) -> str:
    """`flop-budget.toml:5`, or nothing."""
    return one_line(f"{one.file}:{one.line or 1}") if one.file else ""


def markdown(report: Report, title: str) -> str:
    """A table of all verdicts, what failed first, and then each failure with its layers."""
    verdicts = sorted(report.verdicts, key=_urgency, reverse=True)
    lines = [
        f"### {escape(title)}: {escape(summary(report))}",
        "",
        "| | model | metric | | where |",
        "| :--- | :--- | :--- | :--- | :--- |",
        *(_markdown_row(one) for one in verdicts),
    ]
    for one in verdicts:
        if one.status not in PASSING:
            lines += ("", *_markdown_details(one))
    return "\n".join(lines) + "\n"


_SIGNS = {"ok": "✅", "off": "⚪", "WARN": "⚠️", "FAIL": "❌", "ERROR": "❌"}


def _markdown_row(one: Verdict) -> str:
    note = f" ({one.hint})" if one.hint and one.status == "ok" else ""
    cells = (
        f"{_SIGNS[label(one)]} {label(one)}",
        _code(one.model),
        escape(one.metric),
        _plain(one.message + note),
        _code(place(one)),
    )
    return f"| {' | '.join(cells)} |"


def _markdown_details(one: Verdict) -> list[str]:
    head = f"**{_code(one.model)} {escape(one.metric)}**: {_plain(one.message)}"
    rows = [row_cells(row) for row in one.top_rows]
    lines = [f"{_plain(amount)} {_code(path)} {_plain(change)}" for amount, path, change in rows]
    lines += [_more(one)] if one.more_rows else []
    lines += map(_plain, note_lines(one))
    return [head, *([""] if lines else []), *(f"- {line}" for line in lines)]


def _plain(text: str) -> str:
    """Text that stays text: no markup, and nobody is mentioned."""
    return escape(one_line(text)).replace("@", "@&#8203;")


def _code(text: str) -> str:
    return f"<code>{escape(one_line(text))}</code>" if text else ""
