"""Verdicts for people: as text, and as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import wrap

from shufflenet_flops.budget.verdict import PASSING, Report, TopRow, Verdict
from shufflenet_flops.counting.amount import figure, signed
from shufflenet_flops.errors import inert, one_line, plural
from shufflenet_flops.report.format.markdown import escape

_INDENT = "      "
_MOST_COMMANDS = 3
_HOLD = "\N{NO-BREAK SPACE}"  # where `wrap` breaks no line


def text(report: Report, width: int | None = None) -> str:
    """One line for each verdict, what failed last with why and the layers behind it, the commands
    that come next, and a summary.

    A model that failed is named once, with its metrics below one another. Lines longer than
    `width` go on below themselves, at the column of the message.
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
        for verdict in group:
            cells = [cell.ljust(size) for cell, size in zip(_head(verdict), widths, strict=True)]
            if verdict is not group[0] and verdict.status not in PASSING:
                cells[:2] = [" " * size for size in widths[:2]]
            add("  ".join((*cells, _line(verdict))).rstrip(), sum(widths) + 2 * len(widths))
        for line in (*_notes(group), *(line for one in group for line in layer_lines(one))):
            add(f"{_INDENT}{line}", 2 * len(_INDENT))
    for command in _commands(verdicts):
        add(f"next: {command}", len(_INDENT))
    add(summary(report), len(_INDENT))
    return inert("\n".join(lines) + "\n")


def _commands(verdicts: Sequence[Verdict]) -> list[str]:
    """The commands that the hints of what failed name, each once."""
    hints = [verdict.hint for verdict in verdicts if not verdict.passed]
    # A name with such a sign in it would end its command early.
    plain = [hint for hint in hints if hint.count("`") % 2 == 0]
    named = [re.findall("`(shufflenet-flops [^`]+)`", hint) for hint in plain]
    commands = list(dict.fromkeys(one_line(command) for found in named for command in found))
    more = [f"and {len(commands) - _MOST_COMMANDS} more"] if len(commands) > _MOST_COMMANDS else []
    return [*commands[:_MOST_COMMANDS], *more]


def _by_urgency(report: Report) -> list[Verdict]:
    """What failed last; of one urgency, all that is about one model together."""
    first: dict[str, int] = {}
    for i, verdict in enumerate(report.verdicts):
        first.setdefault(verdict.model, i)
    return sorted(report.verdicts, key=lambda verdict: (_urgency(verdict), first[verdict.model]))


def _of_models(verdicts: Sequence[Verdict]) -> Iterator[list[Verdict]]:
    """Verdicts of one label and model, with the layers that an earlier one of them has not told."""
    for _, of_model in groupby(verdicts, lambda verdict: (label(verdict), verdict.model)):
        group: list[Verdict] = []
        told: set[tuple[str, str]] = set()
        for verdict in of_model:
            is_told = verdict.status not in PASSING
            rows = [
                row for row in verdict.top_rows if is_told and (row.path, row.change) not in told
            ]
            told.update((row.path, row.change) for row in rows)
            group.append(
                replace(verdict, top_rows=tuple(rows), more_rows=verdict.more_rows if rows else 0)
            )
        yield group


def _notes(group: Sequence[Verdict]) -> list[str]:
    """Every note on a model once, and none that another begins or ends with."""
    notes = list(dict.fromkeys(note for verdict in group for note in note_lines(verdict)))
    return [
        note
        for note in notes
        if not any(other is not note and note.partition(": ")[2] in other for other in notes)
    ]


def _wrapped(line: str, column: int, width: int) -> list[str]:
    """Lines of at most `width`, all but the first from `column` on where that leaves them room; a
    figure stays with its unit."""
    indent = " " * (column if 2 * column <= width + 10 else 2 * len(_INDENT))
    kept = re.sub(r"(?<=[0-9]) (?=[%A-Za-zµ])", _HOLD, line)
    lines = wrap(
        kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [part.replace(_HOLD, " ") for part in lines] or [line]


def summary(report: Report) -> str:
    """`2 of 30 failed, 1 error, 1 warning`."""
    labels = Counter(map(label, report.verdicts))
    judged = labels["ok"] + labels["lighter"] + labels["WARN"] + labels["FAIL"]
    failed = labels["FAIL"]
    parts = [f"{failed} of {judged} failed" if failed else f"{judged} checked"] if judged else []
    if judged == labels["ok"] > 0:
        parts[0] += ", all fine"
    for name, word in (("ERROR", "error"), ("WARN", "warning")):
        if labels[name]:
            parts.append(plural(labels[name], word))
    if labels["lighter"]:
        parts.append(f"{labels['lighter']} lighter")
    if labels["off"]:
        parts.append(f"{labels['off']} off")
    text = ", ".join(parts) or "nothing to compare"
    return f"{text}; {one_line(report.against)}" if report.against else text


def label(verdict: Verdict) -> str:
    """`ok`, `off`, `lighter`, `WARN`, `FAIL`, or `ERROR` where nothing can be said."""
    if verdict.status in PASSING or verdict.status == "lighter":
        return verdict.status
    if verdict.passed:
        return "WARN"
    return "ERROR" if verdict.status in ("error", "not-comparable") else "FAIL"


def row_cells(row: TopRow) -> tuple[str, str, str]:
    """`+9.8 MMAC`, `stage3.1.branch.pw2`, `groups 3 → 1`; or what the layer weighs by itself."""
    in_figures = (
        figure(row.metric, row.amount) if row.delta is None else signed(row.metric, row.delta)
    )
    return in_figures, one_line(row.path), one_line(row.change)


def layer_lines(verdict: Verdict) -> list[str]:
    """The layers behind a verdict, with the figures and names in columns."""
    cells = list(map(row_cells, verdict.top_rows))
    widths = [max((len(cell[i]) for cell in cells), default=0) for i in (0, 1)]
    lines = [
        f"{amount.rjust(widths[0])}  {path.ljust(widths[1])}  {change}"
        for amount, path, change in cells
    ]
    if verdict.top_rows and verdict.top_rows[0].delta is None:
        lines.insert(0, "heaviest layers:")
    if verdict.more_rows:
        lines.append(_more(verdict))
    return lines


def _more(verdict: Verdict) -> str:
    return f"and {plural(verdict.more_rows, 'more layer')}"


def note_lines(verdict: Verdict) -> list[str]:
    """Why there is the budget, and what to do, for a verdict that is not fine."""
    if verdict.status in PASSING:
        return []
    notes = {"reason": verdict.reason, "hint": verdict.hint}
    return [f"{name}: {one_line(note)}" for name, note in notes.items() if note]


def told(verdict: Verdict) -> str:
    """Everything that there is to say about a verdict."""
    return "\n".join((one_line(verdict.message), *note_lines(verdict), *layer_lines(verdict)))


def _urgency(verdict: Verdict) -> int:
    return ("off", "ok", "lighter", "WARN", "FAIL", "ERROR").index(label(verdict))


def _head(verdict: Verdict) -> tuple[str, str, str]:
    return label(verdict), one_line(verdict.model) or "?", verdict.metric


def _line(verdict: Verdict) -> str:
    note = f" ({verdict.hint})" if verdict.hint and verdict.status == "ok" else ""
    return "  ".join(
        (one_line(verdict.message + note), *([place(verdict)] if verdict.status != "ok" else []))
    )


def place(verdict: Verdict) -> str:
    """`flop-budget.toml:5`, or nothing."""
    return one_line(f"{verdict.file}:{verdict.line or 1}") if verdict.file else ""


def markdown(report: Report, title: str) -> str:
    """A table of what failed, folded up below it what is fine, and the layers of each failure."""
    verdicts = [verdict for group in reversed(list(_of_labels(report))) for verdict in group]
    fine = [verdict for verdict in verdicts if verdict.status in PASSING]
    told = [verdict for verdict in verdicts if verdict.status not in PASSING]
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


_SIGNS = {"ok": "✅", "off": "⚪", "lighter": "✅", "WARN": "⚠️", "FAIL": "❌", "ERROR": "❌"}


def _markdown_row(verdict: Verdict) -> str:
    note = f" ({verdict.hint})" if verdict.hint and verdict.status == "ok" else ""
    cells = (
        f"{_SIGNS[label(verdict)]}\N{NO-BREAK SPACE}{label(verdict)}",
        _code(verdict.model),
        escape(verdict.metric),
        _record(verdict.message + note),
        _code(place(verdict)),
    )
    return f"| {' | '.join(cells)} |"


def _markdown_details(group: Sequence[Verdict]) -> list[str]:
    """Why a model's verdicts are what they are, and the layers behind each, in columns."""
    notes = [f"- {_with_code(note)}" for note in _notes(group)]
    lines = []
    for verdict in group:
        if layers := layer_lines(verdict):
            # Each line begins with words of ours, so none can end the block.
            about = f"{escape(verdict.metric)}: {_record(verdict.message)}"
            lines += ["", about, "", "```text", *layers, "```"]
    head = ["", f"**{_code(group[0].model or '?')}**", "", *notes] if notes or lines else []
    return [*head, *lines]


def _with_code(text: str) -> str:
    """Plain text, in which what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", one_line(text))
    return "".join(_code(part) if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _record(text: str) -> str:
    """Text that stays text: no markup, and nobody is mentioned."""
    return _escaped(one_line(text))


def _escaped(text: str) -> str:
    return escape(text).replace("@", "@&#8203;")


def _code(text: str) -> str:
    return f"<code>{escape(one_line(text))}</code>" if text else ""
