"""The newcomer's walk in docs/first-budget.md: its commands work as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.budget.repository import ROOT, plain_environment

PAGE = (ROOT / "docs" / "first-budget.md").read_text()


def test_from_nothing_to_a_failing_pull_request(tmp_path: Path) -> None:
    """Three commands in one shell; the clone and its set-up are what CI has done by now."""
    clone = tmp_path / "shufflenet-flops"
    shutil.copytree(ROOT / "examples", clone / "examples")
    program = tmp_path / "bin" / "shufflenet-flops"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m shufflenet_flops "$@"\n')
    program.chmod(0o755)
    environment = {
        **plain_environment(),
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{who}_{what}": "ann@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")},
    }  # fmt: skip
    setup, three = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert setup.startswith("git clone ")
    assert len(three.splitlines()) == 3
    script = "".join(f"{line}; echo code $?\n" for line in three.splitlines())
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert re.findall(r"^code (\d)$", done.stdout, re.MULTILINE) == ["0", "0", "1"], done.stderr
    assert "wrote flop-budget.toml, which has 1 model" in done.stdout
    workflow = tmp_path / "camera" / ".github" / "workflows" / "flop-budget.yml"
    assert "against: base" in workflow.read_text()
    (printed,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    base = re.search(r"since ([0-9a-f]{9}),", done.stdout)
    assert base
    assert printed.replace("0123abc4d", base[1]).strip() in done.stdout
    assert re.search(r"stage1\.0\.expand +groups 3 → 1", done.stdout)
    assert "\nnext: shufflenet-flops lock --reason WHY model:Net\n" in done.stdout
