"""`diff`: two locks, two saved counts, two revisions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run


def config(*models: str) -> str:
    return "schema = 1\n" + "".join(
        f'[[budget]]\nmodel = "{model}"\nmacs = "20 G"\n' for model in models
    )


def lock(*models: str) -> None:
    Path("flop-budget.toml").write_text(config(*models))
    assert run(["lock"]) == 0


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["diff", *arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_two_locks(capsys: pytest.CaptureFixture[str]) -> None:
    """Added and removed; the same lock has no difference."""
    lock("resnet18", "resnet34")
    Path("flop-budget.lock").rename("old.lock")
    lock("resnet34", "resnet50")
    code, out = told(capsys, "old.lock", "flop-budget.lock")

    assert code == 1
    assert "FAIL  resnet18  lock  removed: 1,814,073,344 MAC\n" in out
    assert "FAIL  resnet50  lock  added: 4,089,184,256 MAC\n" in out
    assert "ok    resnet34  lock  unchanged" in out
    assert told(capsys, "old.lock", "old.lock")[0] == 0
    assert told(capsys, "old.lock", "flop-budget.lock", "--exit-zero") == (0, out)


def test_two_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    """As git has them, without touching the working tree."""
    git("init", "--quiet")
    lock("resnet18")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    lock("resnet18", "resnet34")
    git("commit", "--quiet", "-a", "-m", "two")

    code, out = told(capsys, "HEAD~1:flop-budget.lock", "HEAD:flop-budget.lock")
    assert code == 1
    assert "resnet34  lock  added" in out
    assert told(capsys, "HEAD:flop-budget.lock", "flop-budget.lock")[0] == 0
    code, out = told(capsys, "HEAD~2:flop-budget.lock", "flop-budget.lock")
    assert code == 2
    assert "HEAD~2:flop-budget.lock: fatal:" in out


def test_two_saved_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of which one is other options of the same family: renamed by hand to compare."""
    for name, model in (("a.json", "resnext@width=4"), ("b.json", "resnext@width=8")):
        assert run(["count", model, "-o", name]) == 0
        data = json.loads(Path(name).read_text())
        data["results"][0]["model"] = "resnext"
        Path(name).write_text(json.dumps(data))
    code, out = told(capsys, "a.json", "b.json", "--top", "2")

    assert code == 1
    assert "FAIL  resnext  macs " in out
    assert "conv3.0.branch.conv1  output 1x256x56x56 → 1x512x56x56\n" in out
    assert told(capsys, "a.json", "a.json")[0] == 0


def test_a_saved_count_is_what_the_lock_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Layer for layer."""
    lock("shufflenet_v1_x1_0_g3")
    assert run(["count", "shufflenet_v1_x1_0_g3", "-o", "count.json"]) == 0

    assert told(capsys, "flop-budget.lock", "count.json")[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.json:1: not valid JSON"),
        ("{}", "x.json:1: is no lock"),
        (
            '{"command": "latency"}',
            "x.json:1: command: holds results of 'latency', and diff takes locks and those of count"
            ": write `shufflenet-flops latency-diff`",
        ),
        ('{"command": "compare"}', "x.json:1: command: holds results of 'compare', and diff takes"),
        ("[[", "x.json:1: not valid JSON"),
        ("[" * 100_000, "x.json:1: not valid JSON: nested too deeply"),
        ('{"a":\n' + "9" * 5000 + "}", "x.json:2: not valid JSON: a number is too long"),
        ('{"command": "count",\n"results": [{}]}', "x.json:2: results: is not what `count"),
        ('{"command": "count", "convention": "paper",\n"results": 3}', "x.json:2: results: is not"),
    ],
)
def test_what_cannot_be_read(capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    """Exit code 2 and the line, never a traceback."""
    Path("x.json").write_text(text)
    code, out = told(capsys, "x.json", "x.json")

    assert code == 2
    assert out.startswith(f"error: {message}")


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Named, with the reason."""
    assert told(capsys, "no.lock", "no.lock") == (
        2,
        "error: cannot read no.lock: No such file or directory\n",
    )


def test_an_improvement_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """It is called lighter, with its layers; heavier is a failure as before."""
    lock("shufflenet_v1_x1_0_g3")
    wide = Path("flop-budget.lock").read_text()
    lock("shufflenet_v1_x0_5_g3")
    narrow = Path("flop-budget.lock").read_text()
    Path("wide.lock").write_text(wide.replace("shufflenet_v1_x1_0_g3", "net"))
    Path("narrow.lock").write_text(narrow.replace("shufflenet_v1_x0_5_g3", "net"))
    code, out = told(capsys, "wide.lock", "narrow.lock", "--top", "1")

    assert code == 1
    assert "lighter  net  macs         137.5 MMAC → 37.6 MMAC, −99.9 MMAC (−72.7 %)\n" in out
    assert "FAIL" not in out
    assert out.endswith("4 checked, 4 lighter\n")
    code, out = told(capsys, "wide.lock", "narrow.lock", "--format", "github")
    assert "::notice title=FLOP budget%3A net macs" in out
    code, out = told(capsys, "narrow.lock", "wide.lock")
    assert "FAIL  net  macs" in out
    assert "lighter" not in out
