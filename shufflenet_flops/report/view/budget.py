"""Verdicts for people and for scripts: text, Markdown, and the results of the JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from textwrap import wrap
from typing import Any

from shufflenet_flops.budget.verdict import PASSING, Report, TopRow, Verdict
from shufflenet_flops.counting.amount import figure, signed
from shufflenet_flops.errors import one_line
from shufflenet_flops.report.format.markdown import escape

_INDENT = "      "


def results(report: Report) -> list[dict[str, Any]]:
    """The results of the JSON: one for each model and metric."""
    return [asdict(one) for one in report.verdicts]


def text(report: Report, width: int | None = None) -> str:
    """One line for each verdict, what failed last with the layers behind it, and a summary.

    Lines longer than `width` go on below themselves, at the column of the message.
    """
    verdicts = _by_urgency(report)
    widths = [
        max((len(cell) for cell in column), default=0)
        for column in zip(*map(_head, verdicts), strict=True)
    ]
    lines: list[str] = []

    def add(line: str, column: int) -> None:
        lines.extend(_wrapped(line, column, width) if width else [line])

    for group in _of_models(verdicts):
        for one in group:
            cells = [cell.ljust(size) for cell, size in zip(_head(one), widths, strict=True)]
            add("  ".join((*cells, _line(one))).rstrip(), sum(widths) + 2 * len(widths))
            for line in layer_lines(one):
                add(f"{_INDENT}{line}", 2 * len(_INDENT))
        for note in _notes(group):
            add(f"{_INDENT}{note}", 2 * len(_INDENT))
    return "\n".join((*lines, summary(report))) + "\n"


def _by_urgency(report: Report) -> list[Verdict]:
    """What failed last; of one urgency, all that is about one model together."""
    first: dict[str, int] = {}
    for i, one in enumerate(report.verdicts):
        first.setdefault(one.model, i)
    return sorted(report.verdicts, key=lambda one: (_urgency(one), first[one.model]))


def _of_models(verdicts: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    """Verdicts of one label and model, with the layers that an earlier one of them has not told."""
    for _, of_model in groupby(verdicts, lambda one: (label(one), one.model)):
        group: list[Verdict] = []
        told: set[tuple[str, str]] = set()
        for one in of_model:
            is_told = one.status not in PASSING
            rows = [row for row in one.top_rows if is_told and (row.path, row.change) not in told]
            told.update((row.path, row.change) for row in rows)
            group.append(replace(one, top_rows=tuple(rows), more_rows=one.more_rows if rows else 0))
        yield group


def _notes(group: Sequence[Verdict]) -> list[str]:
    """Every note on a model once."""
    return list(dict.fromkeys(note for one in group for note in note_lines(one)))


def _wrapped(line: str, column: int, width: int) -> list[str]:
    """Lines of at most `width`, all but the first from `column` on where that leaves them room."""
    indent = " " * (column if 2 * column <= width + 10 else 2 * len(_INDENT))
    return wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [line]


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
    """A table of what failed, folded up below it what is fine, and the layers of each failure."""
    verdicts = [one for group in reversed(list(_of_labels(report))) for one in group]
    fine = [one for one in verdicts if one.status in PASSING]
    told = [one for one in verdicts if one.status not in PASSING]
    lines = [f"### {escape(title)}: {escape(summary(report))}", *_markdown_table(told or fine)]
    for group in _of_models(told):
        lines += _markdown_details(group)
    if told and fine:
        lines += ("", f"<details><summary>{len(fine)} fine</summary>", *_markdown_table(fine))
        lines += ("", "</details>")
    return "\n".join(lines) + "\n"


def _of_labels(report: Report) -> Iterator[list[Verdict]]:
    for _, group in groupby(_by_urgency(report), label):
        yield list(group)


def _markdown_table(verdicts: Sequence[Verdict]) -> list[str]:
    head = ("", "| | model | metric | | where |", "| :--- | :--- | :--- | :--- | :--- |")
    return [*head, *map(_markdown_row, verdicts)]


_SIGNS = {"ok": "✅", "off": "⚪", "WARN": "⚠️", "FAIL": "❌", "ERROR": "❌"}


def _markdown_row(one: Verdict) -> str:
    note = f" ({one.hint})" if one.hint and one.status == "ok" else ""
    cells = (
        f"{_SIGNS[label(one)]}\N{NO-BREAK SPACE}{label(one)}",
        _code(one.model),
        escape(one.metric),
        _plain(one.message + note),
        _code(place(one)),
    )
    return f"| {' | '.join(cells)} |"


def _markdown_details(group: Sequence[Verdict]) -> list[str]:
    """The layers behind a model's figures, in columns, and the notes on it."""
    lines = []
    for one in group:
        if layers := layer_lines(one):
            head = f"**{_code(one.model)} {escape(one.metric)}**: {_plain(one.message)}"
            # Each line begins with words of ours, so none can end the block.
            lines += ["", head, "", "```text", *layers, "```"]
    notes = [f"- {_with_code(note)}" for note in _notes(group)]
    if notes and not lines:
        lines = ["", f"**{_code(group[0].model or '?')}**"]
    return [*lines, "", *notes] if notes else lines


def _with_code(text: str) -> str:
    """Plain text, in which what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", one_line(text))
    return "".join(_code(part) if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _plain(text: str) -> str:
    """Text that stays text: no markup, and nobody is mentioned."""
    return _escaped(one_line(text))


def _escaped(text: str) -> str:
    return escape(text).replace("@", "@&#8203;")


def _code(text: str) -> str:
    return f"<code>{escape(one_line(text))}</code>" if text else ""
