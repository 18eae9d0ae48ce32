"""`lock`: the same bytes every time, all of them or none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shufflenet_flops.budget.lock import parse
from shufflenet_flops.cli.app import run

CONFIG = 'schema = 1\n[[budget]]\nmodel = "resnet*"\nmacs = "20 G"\n'
KILLS = 12


def test_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file beside it."""
    monkeypatch.chdir(tmp_path)
    Path("flop-budget.toml").write_text(CONFIG)
    assert run(["lock"]) == 0
    first = Path("flop-budget.lock").read_bytes()
    assert run(["lock"]) == 0

    assert Path("flop-budget.lock").read_bytes() == first
    assert len(parse("x", first.decode())) == 5
    assert sorted(os.listdir()) == ["flop-budget.lock", "flop-budget.toml"]


def test_a_model_that_fails_leaves_the_old_lock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that fail are named."""
    monkeypatch.chdir(tmp_path)
    Path("flop-budget.lock").write_text("old")
    more = '[[budget]]\nmodel = "resnet5"\nmacs = 1\n[[budget]]\nmodel = "vgg"\nmacs = 1\n'
    Path("flop-budget.toml").write_text(CONFIG + more.replace("vgg", "vgg17"))

    assert run(["lock"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: resnet5: unknown model 'resnet5'")
    assert "; vgg17: unknown model 'vgg17'" in captured.err
    assert Path("flop-budget.lock").read_text() == "old"
    assert sorted(os.listdir()) == ["flop-budget.lock", "flop-budget.toml"]


LOOP = """
import sys
from pathlib import Path
from shufflenet_flops.files.whole_file import open_file

texts = [Path(name).read_bytes() for name in sys.argv[2:]]
print("ready", flush=True)
while True:
    for text in texts:
        with open_file(Path(sys.argv[1])) as write:
            write(text)
"""


def test_killed_at_any_moment_the_old_or_the_new_lock_is_there(tmp_path: Path) -> None:
    """The function that `lock` writes with, without end, and SIGKILL."""
    lock = tmp_path / "flop-budget.lock"
    whole = [b"old\n" * 200_000, b"new\n" * 300_000]
    names = []
    for i, content in enumerate(whole):
        names.append(str(tmp_path / f"{i}"))
        Path(names[-1]).write_bytes(content)
    moments = random.Random(0)
    seen = set()
    for _ in range(KILLS):
        lock.write_bytes(whole[0])
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(lock), *names], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.add(lock.read_bytes())
        assert seen <= set(whole)


def test_killed_at_any_moment_of_the_command(tmp_path: Path) -> None:
    """From its start to its end."""
    (tmp_path / "flop-budget.toml").write_text(CONFIG)
    lock = tmp_path / "flop-budget.lock"
    command = [sys.executable, "-m", "shufflenet_flops", "lock"]
    start = time.monotonic()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    takes = time.monotonic() - start
    new = lock.read_bytes()
    moments = random.Random(0)
    for _ in range(KILLS // 2):
        lock.write_bytes(b"old")
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
        time.sleep(moments.uniform(takes / 2, takes))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock.read_bytes() in (b"old", new)
