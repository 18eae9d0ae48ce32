"""The newcomer's walk in docs/first-budget.md: its commands work as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commands() -> list[str]:
    """The lines of the page's block of shell commands."""
    (block,) = re.findall(
        r"```sh\n(.*?)```", (ROOT / "docs" / "first-budget.md").read_text(), re.DOTALL
    )
    return block.splitlines()


def test_from_clone_to_budget(tmp_path: Path) -> None:
    """The clone and its set-up are what CI has done by now; the other commands are run in order."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = tmp_path / "bin" / "shufflenet-flops"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m shufflenet_flops "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    clone, setup, *rest = commands()
    done = [
        subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in rest
    ]

    assert clone.startswith("git clone ")
    assert setup.startswith("make setup")
    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    assert "MACs under `paper`" in done[0].stdout
    assert done[2].stdout.startswith("ok  model:Net")
