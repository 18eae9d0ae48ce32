"""A model card's block: YAML that reads back, and Markdown in which a name is text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from shufflenet_flops.cli.app import run
from shufflenet_flops.counting import CONVENTIONS
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.format.card import document_as_card
from shufflenet_flops.report.view.count import count_result
from shufflenet_flops.sources import Options, resolve

HOSTILE = '</table>\n---\n"x": [<script>alert(1)</script>] | `a` #'


def test_the_card_of_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a file by its suffix and on stdout alike, with every figure in full."""
    path = tmp_path / "resnet18.card.md"
    assert run(["count", "resnet18", "--format", "card", "-o", str(path)]) == 0
    text = path.read_text()

    assert capsys.readouterr().out == text
    _, head, body = text.split("---\n", 2)
    found = yaml.safe_load(head)["compute"]
    assert found["macs"] == 1_814_073_344
    assert found["params"] == 11_689_512
    assert found["input"] == "1x3x224x224"
    assert found["convention"] == "paper"
    assert found["tool"].startswith("shufflenet-flops ")
    assert "**1,814,073,344 MACs**" in body


def test_another_convention_has_another_unit(capsys: pytest.CaptureFixture[str]) -> None:
    """Its total is never called MACs where it is FLOPs."""
    assert run(["count", "resnet18", "--convention", "flops", "--format", "card"]) == 0
    out = capsys.readouterr().out

    found = yaml.safe_load(out.split("---\n")[1])["compute"]
    assert found["flops"] >= 2 * 1_814_073_344
    assert "macs" not in found
    assert "MACs**" not in out


def test_a_hostile_name_is_text() -> None:
    """In YAML one value, in Markdown no tag."""
    result = count_result(resolve("resnet18", Options()), CONVENTIONS["paper"])
    document = Document("count", "paper", [replace(result, model=HOSTILE)], [])
    text = document_as_card(document)
    head = text[4:].partition("\n---\n")[0]
    html = MarkdownIt("commonmark", {"html": True}).render(text.partition("\n---\n")[2])

    assert yaml.safe_load(head)["compute"]["model"] == HOSTILE
    assert "<script>" not in html


def test_other_results_are_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no card of what is no model's cost."""
    assert run(["shuffle", "--g", "2", "--n", "2", "--format", "markdown"]) == 0
    tables = capsys.readouterr().out
    assert run(["shuffle", "--g", "2", "--n", "2", "--format", "card"]) == 0

    assert capsys.readouterr().out == tables
