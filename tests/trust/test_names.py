"""A model whose files, classes and layers are named by a stranger, through every command."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run
from tests.report.test_hostile_text import is_safe

# Layers whose names are a title of the terminal, a command of a workflow, a formula of a
# spreadsheet, a line of its own, Markdown, HTML and mathematical text.
LAYERS = (
    "\x1b]0;owned\x07",
    "\n::error::owned",
    "=cmd|' /C calc'!A0",
    "a\rb\u2028c\u202ed",
    "|`x`](javascript:owned)",
    "<script>owned()</script>",
    "$\\frac{1}{0}$",
    "##[error]owned",
)
CODE = f"""
import torch

class Net(torch.nn.Module):
    def __init__(self, width=8):
        super().__init__()
        for name in {LAYERS!r}:
            self.add_module(name, torch.nn.Conv2d(8, width, 1))
            width = 8

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x
"""
MODEL = ["net.py:Net", "--input", "1x8x8x8"]
WIDE = ["--arg", "width=8"]
BUDGET = """schema = 1
[[budget]]
model = "net.py:Net"
input = [1, 8, 8, 8]
macs = "1 k"
reason = "\\u001b]0;owned\\u0007 \\n::error::owned =cmd <b>"
"""
COMMANDS = (
    ["count", *MODEL, "--by", "layer"],
    ["count", *MODEL, "--by", "stage", *WIDE],
    ["count", *MODEL, "--peak"],
    ["compare", *MODEL, "--no-latency"],
    ["explain", *MODEL],
    ["formula", *MODEL, "--over", "h,w"],
    ["latency", *MODEL, "--engine", "eager", "--runs", "3"],
    ["check"],
    ["lock"],
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model and a budget that it does not keep."""
    (tmp_path / "net.py").write_text(CODE)
    (tmp_path / "flop-budget.toml").write_text(BUDGET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check_written(path: Path) -> None:
    """What a file holds does nothing to who opens it."""
    text = path.read_text()
    if path.suffix in (".json", ".sarif"):
        json.loads(text)
        assert all(sign.isprintable() or sign == "\n" for sign in text)
    elif path.suffix == ".csv":
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not any(re.match(r"\s*[=+@]", cell) for cell in cells)
        assert all(is_safe(cell) for cell in cells)
    elif path.suffix in (".html", ".svg"):
        assert "<script>owned" not in text
        assert "\x1b" not in text
    else:
        assert is_safe(text), path


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_or_writes_a_name_raw(
    command: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stdout and stderr, in each format, and in each kind of file."""
    for form in ("table", "json", "csv", "markdown", "github", "gitlab"):
        if run([*command, "--format", form]) == 2:
            message = capsys.readouterr().err
            assert "defect" not in message
            assert is_safe(message)
            continue
        captured = capsys.readouterr()
        assert is_safe(captured.err)
        # In JSON a colon is a colon; what GitHub reads as a command is meant to be one.
        if form not in ("json", "gitlab", "github"):
            assert is_safe(captured.out), form
        elif form == "github":
            commands = [line for line in captured.out.splitlines() if line.startswith("::")]
            assert commands
            assert all(
                line.startswith(("::error ", "::warning ", "::notice ")) for line in commands
            )
        assert "\x1b" not in captured.out
    if command[0] in ("count", "compare", "explain", "latency"):
        for suffix in ("txt", "json", "csv", "md", "html"):
            assert run([*command, "-o", f"x.{suffix}"]) == 0
            check_written(project / f"x.{suffix}")
        assert run(["report", *command, "-o", "report.md", "-o", "report.html"]) == 0
    for path in project.rglob("*"):
        if path.is_file() and path.suffix in (".md", ".html", ".svg", ".csv"):
            check_written(path)


@pytest.mark.slow
def test_a_difference_of_hostile_layers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`diff` of two counts names each layer that changed."""
    assert run(["count", *MODEL, "-o", "old.json"]) == 0
    assert run(["count", *MODEL, "--arg", "width=8", "-o", "new.json"]) == 0
    wide = (project / "new.json").read_text().replace('"macs": 4096', '"macs": 8192')
    (project / "new.json").write_text(wide)
    capsys.readouterr()

    assert run(["diff", "old.json", "new.json"]) in (0, 1)
    captured = capsys.readouterr()
    assert is_safe(captured.out)
    assert is_safe(captured.err)
