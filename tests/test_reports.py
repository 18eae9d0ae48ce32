"""Committed reports that no clock went into are in step with what is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run

REPORTS = Path(__file__).parents[1] / "reports"


@pytest.mark.parametrize(
    ("report", "arguments"),
    [
        ("units.md", ["compare", "--no-latency", "--format", "markdown"]),
        ("models.md", ["models", "--format", "markdown"]),
        ("paper.md", ["paper", "--alternatives", "--format", "markdown"]),
    ],
)
def test_in_step(capsys: pytest.CaptureFixture[str], report: str, arguments: list[str]) -> None:
    """`make reports` writes them anew."""
    assert run(arguments) == 0
    assert capsys.readouterr().out == (REPORTS / report).read_text()
