"""A package that is not there, or is damaged, is named in one line: it is no defect of ours."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What a file of the package's name holds that stands before it on the path.
STATES = {
    "missing": "raise ModuleNotFoundError(f'No module named {__name__!r}', name=__name__)",
    "damaged": "raise RuntimeError('libfoo.so: cannot open shared object file')",
    "cut short": "def (",
}
# A package, and a command that cannot do without it.
NEEDED = {
    "sympy": "formula shufflenet_unit",
    "numpy": "sweep shufflenet_unit --c 240:480:120 --g 3",
    "matplotlib": "report count shufflenet_unit -o x.md",
    "jinja2": "count shufflenet_unit -o x.html",
    "torch": "compare --c 240 --g 3 --no-latency",
    "onnx": "count x.onnx",
}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("package", NEEDED)
def test_a_package_that_cannot_be_imported_is_named(
    package: str, state: str, tmp_path: Path
) -> None:
    """Exit code 2, one line, and no file half-written."""
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / f"{package}.py").write_text(STATES[state])
    work = tmp_path / "work"
    work.mkdir()
    (work / "x.onnx").write_bytes(b"\x08\x07")
    path = os.pathsep.join([str(tmp_path / "before"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", *NEEDED[package].split()],
        cwd=work,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert package in done.stderr
    assert "install" in done.stderr
    assert "defect" not in done.stderr
    assert [path.name for path in work.iterdir()] == ["x.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_a_terminal_is_drawn_on_by_rich(state: str, tmp_path: Path) -> None:
    """What goes to a file or a pipe does without."""
    (tmp_path / "rich.py").write_text(STATES[state])
    terminal, end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", "count", "shufflenet_unit"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        stdout=end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(terminal)
    os.close(end)

    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "rich" in done.stderr
    assert "install" in done.stderr
    assert "defect" not in done.stderr
