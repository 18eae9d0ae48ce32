"""The README's commands work where the package is installed alone, without any of its extras."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """As a user would: from a folder of one's own, with nothing of this checkout on the path."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=bare, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel of this checkout and what it depends on."""
    folder = tmp_path_factory.mktemp("base")
    for command in (
        (sys.executable, "-m", "venv", folder / "venv"),
        (folder / "venv/bin/pip", "install", "-q", "-c", ROOT / "constraints.txt", ROOT),
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin"


@pytest.mark.slow
def test_what_the_readme_shows_is_what_comes_out(base: Path, tmp_path: Path) -> None:
    """Its commands and its Python, from the base installation, whose extras are not there."""
    extras = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, sys.argv[1:])))"
    assert (
        run(base / "python", "-c", extras, "onnx", "timm", "pytest", cwd=tmp_path).returncode == 0
    )

    for command, output in re.findall(r"```console\n\$ (.+)\n((?s:.*?))```", README):
        name, *arguments = shlex.split(command)
        done = run(base / name, *arguments, cwd=tmp_path)
        assert done.stdout + done.stderr == output
    (code,) = re.findall(r"```python\n((?s:.*?))```", README)
    done = run(base / "python", "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_budgets_models_of_ones_own_and_reports(base: Path, tmp_path: Path) -> None:
    """The README's budget passes; a file of one's own is counted; a report has its figures."""
    (budget,) = re.findall(r"```toml\n((?s:.*?))```", README)
    (tmp_path / "flop-budget.toml").write_text(budget)
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Conv2d):\n"
        "    def __init__(self): super().__init__(3, 8, 3)\n"
    )
    for command in (
        "check",
        "count net.py:Net --input 1x3x32x32",
        "explain resnet18 --input 1x3x64x64",
        "report compare --c 240 --g 3 --no-latency -o units.md -o units.html",
        "fit shufflenet_v1 --macs 140M --g 3 --plot fit.svg",
        "latency shufflenet_unit --engine eager --runs 3",
    ):
        done = run(base / "shufflenet-flops", *shlex.split(command), cwd=tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "fit.svg").is_file()
    assert re.search(
        r"!\[.+\]\((.+\.svg)\)|!\[.+\]\((.+\.png)\)", (tmp_path / "units.md").read_text()
    )


@pytest.mark.slow
def test_what_is_missing_is_said_with_the_command_that_adds_it(base: Path, tmp_path: Path) -> None:
    done = run(base / "shufflenet-flops", "count", "timm:resnet18", cwd=tmp_path)
    assert done.returncode == 2
    hint = re.search(r"pip install .*\[timm\]\S*", done.stderr)
    assert hint, done.stderr
    plan = run(base / "pip", *shlex.split(hint[0])[1:], "--dry-run", "-q", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
