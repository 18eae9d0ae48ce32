"""Results on stdout and nothing else; closed, full and narrow streams; a model that ends things."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.trust.program import BUDGET, COMMAND, MODELS, program, started

MODEL = ("models:Talking", "--path", ".", "--input", "1x3x8x8")
SMALL = "shufflenet_v1_x0_25_g3"
SLOW = pytest.mark.slow  # six seconds each, and no other way through the code than the rest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "flop-budget.toml").write_text(BUDGET)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("count", *MODEL),
        ("compare", *MODEL, "--runs", "2"),
        ("explain", *MODEL, "--counter", "torch"),
        ("check",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_a_model_prints_goes_to_stderr(folder: Path, arguments: tuple[str, ...]) -> None:
    """In every way in which it can."""
    done = program(*arguments, "--format", "json", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"]
    for word in (b"imported", b"built", b"called", b"below", b"deeper", b"in a shell"):
        assert word in done.stderr


@pytest.mark.parametrize("what", ["SystemExit", "GeneratorExit", "BaseException"])
@pytest.mark.parametrize(
    "command", ["count", *(pytest.param(x, marks=SLOW) for x in ("compare", "explain"))]
)
def test_a_model_that_ends_the_program_is_an_error(folder: Path, command: str, what: str) -> None:
    """Whatever it raises."""
    model = ("models:Raising", "--path", ".", "--input", "1x3x8x8", "--arg", f"what={what}")
    done = program(command, *model, cwd=folder)

    assert (done.returncode, done.stdout) == (2, b"")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"error: models:Raising: the model's forward pass failed")
    assert what.encode() in last


@pytest.mark.parametrize(
    "encoding",
    ["cp1252", "utf-16", *(pytest.param(x, marks=SLOW) for x in ("ascii", "latin-1", "cp437"))],
)
def test_output_that_is_not_utf_8(folder: Path, encoding: str) -> None:
    """Plain signs stand for what it lacks; in JSON, escapes that say the same."""
    budget = 'schema = 1\n[[budget]]\nmodel = "{}"\nmacs = "40 M"\nreason = "≤ é 😀"\n'
    (folder / "flop-budget.toml").write_text(budget.format(SMALL), encoding="utf-8")
    env = {"PYTHONIOENCODING": encoding}
    for arguments in (("check",), ("count", SMALL, "--by", "kind"), ("formula", "shufflenet")):
        done = program(*arguments, cwd=folder, env=env)

        assert done.returncode == 0, done.stderr
        assert done.stdout.decode(encoding)
    text = program("check", cwd=folder, env=env).stdout.decode(encoding)
    sign = "≤" if encoding in ("utf-16", "cp437") else "<="
    assert f"{sign} 40.0 MMAC" in text
    done = program("check", "--format", "json", cwd=folder, env=env)
    plain = program("check", "--format", "json", cwd=folder)
    found, expected = (
        json.loads(each.stdout.decode(how))["results"]
        for each, how in ((done, encoding), (plain, "utf-8"))
    )
    assert found == expected
    assert program("count", "nö…", env=env).returncode == 2


FAILING = {
    "closed": ("{} >&-", "Bad file descriptor"),
    "full": ("{} >/dev/full", "No space left on device"),
}


@pytest.mark.parametrize("how", FAILING)
@pytest.mark.parametrize(
    "arguments", ["models", "--version", "--help", "sweep --help", "count " + SMALL, "env"]
)
def test_results_that_cannot_be_written_are_an_error(how: str, arguments: str) -> None:
    """Of one line, and 2: a 1 would tell of a check that failed."""
    shell, why = FAILING[how]
    done = subprocess.run(
        shell.format(f"{' '.join(COMMAND)} {arguments}"),
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"{why}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2>&- <&-", "<&-"])
@pytest.mark.parametrize(("arguments", "code"), [("models", 0), ("count nothing", 2)])
def test_chatter_that_nobody_hears_changes_nothing(where: str, arguments: str, code: int) -> None:
    """The results and the exit code are the same."""
    command = f"{' '.join(COMMAND)} {arguments}"
    done, usual = (
        subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        for line in (f"{command} {where}", command)
    )

    assert (done.returncode, done.stdout) == (code, usual.stdout)


def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What is printed would go into it."""
    path = tmp_path / "x.json"
    done = subprocess.run(
        f"{' '.join(COMMAND)} count {SMALL} -o {path} >&- 2>&-", shell=True, check=False
    )

    assert done.returncode == 2
    assert json.loads(path.read_text())["results"]


@pytest.mark.parametrize(
    ("macs", "code"), [("40 M", 0), ("1 M", 1)], ids=["a check that passes", "one that fails"]
)
def test_a_reader_that_has_gone_does_not_change_the_exit_code(
    folder: Path, macs: str, code: int
) -> None:
    """As `head` goes."""
    config = f'schema = 1\n[[budget]]\nmodel = "{SMALL}"\nmacs = "{macs}"\n'
    (folder / "flop-budget.toml").write_text(config)
    reading, writing = os.pipe()
    os.close(reading)
    done = program("check", cwd=folder, stdout=writing)
    os.close(writing)

    assert (done.returncode, done.stderr) == (code, b"")


CODES = {signal.SIGINT: 2, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", CODES)
def test_signals_while_a_command_works(tmp_path: Path, number: signal.Signals) -> None:
    """The old file stays, nothing is beside it, and the exit code is the signal's."""
    path = tmp_path / "x.json"
    path.write_text("old")
    process = started("compare", "--runs", "1000000", "-o", str(path))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (CODES[number], b"")
    assert err == b"error: interrupted: nothing was written\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    """A SIGHUP when the terminal is closed ends nothing."""
    path = tmp_path / "x.json"
    process = started(
        *("compare", "--c", "48", "--g", "1", "--runs", "5", "-o", str(path)),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    while not list(tmp_path.iterdir()):
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)

    process.communicate(timeout=120)
    assert process.returncode == 0
    assert json.loads(path.read_text())["results"]
