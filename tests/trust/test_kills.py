"""Every writer killed at any moment, and two of each at once: nothing torn, lost or left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trust.killer import BUDGET, WRITERS, files
from tests.trust.program import ROOT, program, started

KILLS = 60


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_kills(tmp_path: Path, writer: str) -> None:
    """A quarter each by SIGKILL, SIGTERM, SIGINT and SIGHUP; then it is run once more."""
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.trust.killer", writer, str(KILLS), str(tmp_path / "work")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])

    assert result["torn"] == []
    assert result["litter"] == []
    assert result["last"] == 0
    assert sum(result["codes"].values()) == KILLS
    assert set(result["codes"]) <= {"0", "2", "-9", "-15", "-2", "-1"}
    assert result["codes"].get("2", 0) + result["codes"].get("-9", 0) > KILLS // 4


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_two_at_once(tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each succeeds, or says that the other is at work; what is there is whole."""
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("flop-budget.toml").write_text(BUDGET)
    assert program("lock", cwd=tmp_path).returncode == 0
    for _ in range(1 if writer == "report all" else 3):
        both = [started(*WRITERS[writer], cwd=tmp_path) for _ in range(2)]
        ends = [(each.communicate(timeout=120)[1], each.returncode) for each in both]

        assert any(code == 0 for _, code in ends) or writer == "sweep"
        for err, code in ends:
            if code:
                assert code == 2
                assert b"is writing it" in err or b"--resume" in err
    hidden = [name for name in files() if "/." in name or name.startswith(".")]
    assert hidden == []
