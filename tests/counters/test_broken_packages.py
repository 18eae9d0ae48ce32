"""thop and fvcore as they are found: absent, broken at import, or another package of that name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# What is in the place of each package, and what is said of it.
BROKEN = {
    "absent": ("raise ModuleNotFoundError(f'No module named {__name__!r}')", "No module named"),
    "half installed": ("raise ImportError('cannot import profile')", "cannot import profile"),
    "of another torch": ("raise RuntimeError('no symbol')", "RuntimeError: no symbol"),
    "another package": ("", "Error: "),
    "a script": ("raise SystemExit('usage: train')", "SystemExit: usage: train"),
}

UNIT = "shufflenet_unit@c=24,g=3,h=8,w=8"


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_compare_goes_on_without_them(tmp_path: Path, code: str, reason: str) -> None:
    """Their cells are empty with the reason below the table, and torch's counter is as always."""
    for package in ("thop", "fvcore"):
        (tmp_path / f"{package}.py").write_text(code)
    file = tmp_path / "compared.json"
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = ["compare", UNIT, "--no-latency", "-o", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", *command],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = json.loads(file.read_text())["results"]
    counters = result["counters"]

    assert (counters["torch"]["status"], counters["torch"]["residual"]) == ("ok", 0)
    for package in ("thop", "fvcore"):
        assert counters[package]["status"] == "unavailable"
        assert (counters[package]["reported"], counters[package]["residual"]) == (None, None)
        assert reason in counters[package]["reason"]
        assert "make sense of the model" not in counters[package]["reason"]  # it was not looked at
        assert f"is unavailable on {UNIT}: {counters[package]['reason']}" in done.stdout
