"""`check`: exit codes, every form of the verdicts, and nothing that is neither."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shufflenet_flops.cli.app import run

ROOT = Path(__file__).parents[2]
FACTORIES = Path(__file__).parents[1] / "budget"
FINE = """\
schema = 1
input = [1, 3, 224, 224]

[[budget]]
model = "shufflenet_v1_x1_0_g3"
macs = "140 M"
params = 1_900_000
reason = "paper table 5: 137 M"
"""
TIGHT = FINE.replace("140 M", "137 M")


@pytest.fixture
def budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The budget file of an empty directory, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "flop-budget.toml"


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_fine(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """One line for each limit."""
    budget.write_text(FINE)

    assert result(capsys, "check") == (
        0,
        "ok  shufflenet_v1_x1_0_g3  macs    137.5 MMAC ≤ 140.0 MMAC\n"
        "ok  shufflenet_v1_x1_0_g3  params  1,865,728 ≤ 1,900,000\n"
        "2 checked, all fine\n",
        "",
    )


def test_over(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """Exit code 1, with the layers, the reason, the place and what to do."""
    budget.write_text(TIGHT)
    code, out, err = result(capsys, "check")

    assert code == 1
    assert err == ""
    assert "137.5 MMAC > 137.0 MMAC, +460.7 kMAC (+0.3 %)  flop-budget.toml:6\n" in out
    assert "heaviest layers:\n      8.1 MMAC  conv1.conv" in out
    assert "      reason: paper table 5: 137 M\n      hint: make it lighter" in out
    assert out.endswith("1 of 2 failed\n")
    assert result(capsys, "check", "--exit-zero")[:2] == (0, out)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github", "junit"])
def test_verdicts_are_written_before_the_exit_code(
    capsys: pytest.CaptureFixture[str], budget: Path, form: str
) -> None:
    """In every form, whatever the code."""
    budget.write_text(TIGHT)
    code, out, _ = result(capsys, "check", "--format", form)

    assert code == 1
    assert "shufflenet" in out
    if form == "json":
        data = json.loads(out)
        assert data["schema"] == 1
        assert data["command"] == "check"
        assert data["results"][0] | {"top_rows": [], "hint": ""} == {
            "model": "shufflenet_v1_x1_0_g3",
            "metric": "macs",
            "level": "error",
            "status": "over",
            "message": "137.5 MMAC > 137.0 MMAC, +460.7 kMAC (+0.3 %)",
            "actual": 137_460_672,
            "limit": 137_000_000,
            "locked": None,
            "delta": 460_672,
            "convention": "paper",
            "top_rows": [],
            "more_rows": 0,
            "reason": "paper table 5: 137 M",
            "hint": "",
            "file": "flop-budget.toml",
            "line": 6,
        }
    if form == "junit":
        assert ElementTree.fromstring(out).attrib["failures"] == "1"


def test_files_by_suffix(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """All of them are written in one run, and none where a name is wrong."""
    budget.write_text(TIGHT)
    names = [f"out{suffix}" for suffix in (".txt", ".json", ".md", ".html", ".xml")]
    options = [part for name in names for part in ("-o", name)]

    assert result(capsys, "check", *options)[0] == 1
    assert "1 of 2 failed" in Path("out.txt").read_text()
    assert json.loads(Path("out.json").read_text())["results"]
    assert Path("out.md").read_text().startswith("### FLOP budget: 1 of 2 failed")
    assert ElementTree.parse("out.xml").getroot().tag == "testsuites"
    code, out, err = result(capsys, "check", "-o", "new.txt", "-o", "new.doc")
    assert (code, out) == (2, "")
    assert "the suffix must be one of .txt, .json, .md, .html, .xml, .sarif" in err
    assert sorted(path.name for path in Path().iterdir()) == sorted([*names, budget.name])


def test_a_wrong_file_is_told_in_full(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """Every problem a line on stderr; on stdout only in the forms that a CI reads."""
    budget.write_text(FINE.replace("macs", "mcas").replace("1_900_000", "1.9"))
    code, out, err = result(capsys, "check")

    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: flop-budget.toml:6: budget[0].mcas: unknown key 'mcas': did you mean macs?",
        "error: flop-budget.toml:7: budget[0].params: 1.9 is not an amount: write a whole number "
        'such as 1_900_000, or text such as "140 M"',
    ]
    code, out, _ = result(capsys, "check", "--format", "github", "--exit-zero", "-o", "x.md")
    assert code == 2
    assert out.count("\n") == out.count("::error ") == 2
    assert "file=flop-budget.toml,line=6::unknown key 'mcas'" in out
    assert "2 errors" in Path("x.md").read_text()


def test_in_a_terminal(budget: Path) -> None:
    """Lines are as long as it is wide, and labels have their colours."""
    budget.write_text(TIGHT)
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "shufflenet_flops", "check"],
            stdout=theirs,
            check=False,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "70",
                "TERM": "xterm",
                "NO_COLOR": "",
            },
        )
        os.close(theirs)
        out = terminal.read(4096).decode()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()

    assert done.returncode == 1
    assert "\x1b[1;31mFAIL\x1b[0m  shufflenet" in out
    assert "\x1b[32mok\x1b[0m    shufflenet" in out
    assert max(map(len, lines)) <= 70
    assert lines[2].index("+460.7 kMAC (+0.3 %)") == lines[1].index("137.5 MMAC")


def test_no_file(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """Nor lock: exit code 2, with what would work."""
    code, out, err = result(capsys, "check")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no flop-budget.toml here")
    budget.write_text(FINE)
    code, out, err = result(capsys, "check", "--locked")
    assert (code, out) == (2, "")
    assert err == "error: there is no flop-budget.lock: run `shufflenet-flops lock` to write it\n"


def test_a_crash_in_a_factory_is_no_excess(
    capsys: pytest.CaptureFixture[str], budget: Path
) -> None:
    """Exit code 2, also where an excess would be let pass, and no traceback."""
    budget.write_text(
        f'schema = 1\npath = ["{FACTORIES}"]\n'
        '[[budget]]\nmodel = "factories:crashes"\nmacs = 1\nlevel = "warn"\n'
        '[[budget]]\nmodel = "factories:exits"\nmacs = 1\n'
    )
    code, out, err = result(capsys, "check", "--exit-zero")

    assert code == 2
    assert err == ""
    assert "ERROR  factories:crashes  model  failed: ZeroDivisionError" in out
    assert "ERROR  factories:exits    model  failed: SystemExit" in out
    assert "hint" not in out
    assert "Traceback" not in out
    assert "FAIL" not in out
    assert out.endswith("2 errors\n")


def test_debug_shows_where_a_factory_crashed(budget: Path) -> None:
    """On stderr, beside the verdict, which stays one line."""
    budget.write_text(
        f'schema = 1\npath = ["{FACTORIES}"]\n[[budget]]\nmodel = "factories:crashes"\nmacs = 1\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "shufflenet_flops", "--debug", "check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 2
    assert done.stderr.startswith("factories:crashes cannot be counted:\nTraceback")
    assert 'factories.py", line 20, in crashes' in done.stderr
    assert done.stdout.count("\n") == 2


def test_a_module_beside_the_file_needs_a_path(
    capsys: pytest.CaptureFixture[str], budget: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is told where it is missing, as it is for whoever stands elsewhere."""
    Path("mine_beside.py").write_text("import torch\n\nnet = torch.nn.Conv2d(3, 8, 3)\n")
    text = 'schema = 1\n[[budget]]\nmodel = "mine_beside:net"\nmacs = "1 G"\n'
    budget.write_text(text)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    check = ("check", "--config", f"../{budget.name}")
    code, out, _ = result(capsys, *check)
    assert code == 2
    assert 'write path = ["."] at its top' in out
    budget.write_text(f'path = ["."]\n{text}')
    assert result(capsys, *check)[0] == 0


def test_locked(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """Integer for integer, and a lock that was edited by hand is refused on its line."""
    budget.write_text(FINE)
    assert result(capsys, "lock")[:2] == (0, "locked 1 model in flop-budget.lock\n")
    code, out, _ = result(capsys, "check", "--locked")
    assert code == 0
    assert "lock    as locked, 137,460,672 MAC\n" in out
    lock = Path("flop-budget.lock")
    text = lock.read_text()
    lock.write_text(text.replace('"macs": 137460672', '"macs": 137460671'))
    code, out, err = result(capsys, "check", "--locked")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"error: flop-budget.lock:11: is not what `lock` writes: was it edited, .*\n", err
    )
    lock.write_text(text.replace('"schema": 2', '"schema": 3'))
    assert "flop-budget.lock:2: schema: not comparable" in result(capsys, "check", "--locked")[2]
    lock.write_bytes(text.replace("\n", "\r\n").encode())
    assert result(capsys, "check", "--locked")[0] == 0


def test_another_input_is_not_comparable(capsys: pytest.CaptureFixture[str], budget: Path) -> None:
    """Exit code 2, under --locked alone."""
    budget.write_text(FINE)
    run(["lock"])
    budget.write_text(FINE.replace("224, 224", "192, 192"))
    code, out, _ = result(capsys, "check", "--locked")

    assert code == 2
    assert "not comparable: locked on 1x3x224x224 under paper, and now on 1x3x192x192" in out
    assert result(capsys, "check")[0] == 0


def test_this_repositorys_own_budget(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make check` does: the papers' figures, and the lock."""
    monkeypatch.chdir(ROOT)
    code, out, _ = result(capsys, "check", "--locked")

    assert code == 0
    assert out.endswith(", all fine\n")
    assert {"resnet50", "resnext50_32x4d", "shufflenet_v1_x1_0_g3"} <= set(out.split())


def test_the_help_tells_the_exit_codes() -> None:
    """Of both commands that have more than two."""
    for command in ("check", "diff"):
        done = subprocess.run(
            [sys.executable, "-m", "shufflenet_flops", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Exit codes: 0" in done.stdout
