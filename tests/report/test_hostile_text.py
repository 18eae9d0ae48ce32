"""Names of strangers reach terminals, logs, pages and spreadsheets as text that does nothing."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import inert, one_line, printable
from shufflenet_flops.report.document import Document, Page
from shufflenet_flops.report.format.registry import PAGES, RESULTS, formats
from shufflenet_flops.report.grid import Cell, Column, grid, with_notes
from shufflenet_flops.report.section import Section

# A colour, a title, a bell, a C1 sequence, a direction, a line of its own, a lone surrogate.
HOSTILE = (
    "\x1b[31m\x1b]0;x\x07\x9b2J\u202egnp.exe\n::error::x\r\x00\u2028\ud800 ##[error]y <b>|&\x7f"
)
SEEN = (
    r"\x1b[31m\x1b]0;x\x07\x9b2J\u202egnp.exe\n\x3a:error::x\r\x00\u2028\ud800 \x23#[error]y "
    r"<b>|&\x7f"
)


def hostile() -> Document:
    table = grid(HOSTILE, [Column(HOSTILE, figures=False)], [[HOSTILE]], [HOSTILE])
    record = {"path": HOSTILE, "ops": {HOSTILE: 1}, "inputs": [HOSTILE]}
    tables = [with_notes(table, [HOSTILE])]
    return Document("listing", None, [record], tables, nodes=lambda: {HOSTILE: 1})


def is_safe(text: str) -> bool:
    """Whether nothing but newlines is not to be seen, and no line is a command."""
    return (
        all(sign.isprintable() or sign in "\n\N{NO-BREAK SPACE}" for sign in text)
        and "##[" not in text
        and not any(line.lstrip().startswith("::") for line in text.splitlines())
    )


@pytest.mark.parametrize("name", sorted(formats(RESULTS)))
def test_results_of_every_format(name: str) -> None:
    """What was there is still to be read, escaped."""
    text = formats(RESULTS)[name].render(hostile())

    assert is_safe(text if name != "json" else text.replace("##[", ""))
    assert "x1b" in text or "u001b" in text


@pytest.mark.parametrize("name", sorted(formats(PAGES)))
def test_pages_of_every_format(name: str) -> None:
    """Findings, questions, commands and captions too."""
    document = hostile()
    section = Section(
        *(HOSTILE, HOSTILE, (HOSTILE, f"`{HOSTILE}`"), tuple(document.grids)),
        details=tuple(document.grids),
        convention=HOSTILE,
        command=HOSTILE,
    )
    text = formats(PAGES)[name].render(Page(HOSTILE, (section,), "figures/x-"))

    assert all(sign.isprintable() or sign in "\n\N{NO-BREAK SPACE}" for sign in text)
    assert "\\x1b" in text.replace("\\\\", "\\")
    assert "<b>" not in re.sub("`[^`]*`", "", text)  # code is text already


def test_json_says_the_same() -> None:
    """Its own escapes stand for what cannot be shown."""
    (result,) = json.loads(formats(RESULTS)["json"].render(hostile()))["results"]

    assert result["path"] == HOSTILE


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_spreadsheet_takes_a_name_for_a_formula(text: str) -> None:
    """Numbers of ours stay numbers."""
    document = Document("x", None, [{"name": text, "delta": -3, "share": -0.5, text: 1}], [])
    head, line = csv.reader(io.StringIO(formats(RESULTS)["csv"].render(document)))

    assert head == ["name", "delta", "share", f"'{text}"]
    assert line == [f"'{text}", "-3", "-0.5", "1"]


def test_markdown_and_html_are_text() -> None:
    """No link, no cell of its own, no element."""
    table = grid("x", [Column("x", figures=False)], [["a|b"], ["<img src=x>"], ["[a](b)"]])
    text = formats(RESULTS)["markdown"].render(Document("x", None, [], [table]))

    assert r"| a\|b |" in text
    assert "&lt;img src=x&gt;" in text
    assert r"| \[a\](b) |" in text


def test_lines_of_our_own_stay() -> None:
    """In headings, and in cells that are stacked."""
    table = grid("x", [Column("a\nb")], [[Cell("c\nd", stacked=True)], ["e\nf"]])

    assert table.columns[0].heading == "a\nb"
    assert [row[0].text for row in table.rows] == ["c\nd", r"e\nf"]


def test_what_is_escaped() -> None:
    """And what is a name as any other."""
    assert inert(printable(HOSTILE)) == SEEN
    for text in ("aten::group_norm", "torch.ops.x::y", "a\N{NO-BREAK SPACE}b", "µ–×→é漢", "#1"):
        assert inert(printable(text)) == text
    assert one_line("a\n\tb\x1b") == r"a b\x1b"


def test_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a name that is no model."""
    assert run(["count", "\x1b[31m\u202e\x9b"]) == 2
    err = capsys.readouterr().err

    assert err.startswith(r"error: unknown model '\x1b[31m\u202e\x9b'")
    assert is_safe(err)
