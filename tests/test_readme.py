"""Every command of the README and docs is run, and the output shown there is what comes out."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recipes import PLACE

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# Commands are described by themselves on a page that is made when the documentation is.
PAGES = [
    README,
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "commands"),
]
CONSOLE = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(?P<code>.*?)```", re.DOTALL)


def run(command: str) -> str:
    """What `command` prints, stdout and stderr together, 100 columns wide."""
    program, *arguments = shlex.split(command)

    assert program == "shufflenet-flops"
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_output_is_in_step(page: Path, update_golden: bool) -> None:
    """`--update-golden` writes it anew."""
    text = page.read_text()
    fresh = CONSOLE.sub(
        lambda match: f"```console\n$ {match['command']}\n{run(match['command'])}```", text
    )
    if update_golden:
        page.write_text(fresh)

    assert fresh == page.read_text()


def test_there_is_output_to_show() -> None:
    """The test above has something to run."""
    assert sum(len(CONSOLE.findall(page.read_text())) for page in PAGES) >= 12


@pytest.mark.parametrize(
    "code",
    [
        code
        for page in PAGES
        for code in PYTHON.findall(page.read_text())
        if not PLACE.match(code)  # `Recipe` puts those where they say
    ],
)
def test_python_runs(code: str, tmp_path: Path) -> None:
    """Each example stands alone, beside this repository's budgets; what it writes is not left."""
    for budget in ROOT.glob("flop-budget.*"):
        (tmp_path / budget.name).write_bytes(budget.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert bool(done.stdout.strip()) is ("print(" in code)


def test_make_targets_exist() -> None:
    """What the README says to make can be made."""
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
