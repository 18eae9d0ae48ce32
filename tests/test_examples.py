"""Every example runs by itself, in a folder that is not the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path: Path, tmp_path: Path) -> None:
    """Says something, and nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.strip()


def test_all_are_listed() -> None:
    """The gallery's README names each."""
    listed = (ROOT / "examples" / "README.md").read_text()

    assert EXAMPLES
    assert [path.name for path in EXAMPLES if f"`{path.name}`" not in listed] == []
