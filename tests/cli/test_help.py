"""`--help` by headings, options that went elsewhere, commands of two words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.cli.group import MOVED, NAMES, TWO_WORDS
from shufflenet_flops.latency.engines import ENGINE_NAMES
from shufflenet_flops.latency.predict.profilers import profiler_names

COMMANDS = (*NAMES, *TWO_WORDS)


def help_of(capsys: pytest.CaptureFixture[str], command: str) -> str:
    assert run([*command.split(), "--help"]) == 0
    return capsys.readouterr().out


def test_sweep_has_its_options_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """In this order; each option is under one heading."""
    text = help_of(capsys, "sweep")
    headings = re.findall(r"^(\w[\w ]+):$", text, re.MULTILINE)

    assert headings == [
        *("Arguments", "Design space", "Model", "Selection", "Saving and resuming", "Workers"),
        *("Prediction", "Measurement", "Output", "Options"),
    ]
    groups = dict(
        zip(headings, re.split(r"^\w[\w ]+:$", text, flags=re.MULTILINE)[1:], strict=True)
    )
    assert "--g LIST" in groups["Design space"]
    assert "--where FILTER" in groups["Selection"]
    assert "--resume" in groups["Saving and resuming"]
    assert "--executor <local|dask>" in groups["Workers"]
    assert re.findall(r"--[\w-]+", groups["Options"]) == ["--help"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_no_type_of_python(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """What a value is has a name that says so; choices are listed."""
    text = help_of(capsys, command)

    assert not re.search(r"<(str|int|float|bool|list|path)\b|[<>]=\d", text)
    assert f"Usage: shufflenet-flops {command} " in text


def test_an_option_means_one_thing_over_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Every `--engine` is an engine of `latency`; `--limit` is one of memory."""
    meanings = {
        command: match[0].split()
        for command in COMMANDS
        if (match := re.search(r"--engine .*?(?=^  -)", help_of(capsys, command), re.M | re.S))
    }

    for command in ("count", "fit", "sweep"):  # which import no engine for it
        assert "that `predict` takes" in " ".join(meanings.pop(command))
    calibrated = ("calibrate", "predict")
    assert set(meanings) == {*calibrated, "latency", "shuffle", "paper time-table-8"}
    for command in calibrated:
        engines = {word.rstrip(".,") for word in meanings.pop(command)} & set(ENGINE_NAMES)
        assert engines == set(profiler_names())
    assert len(set(map(tuple, meanings.values()))) == 1
    limited = [command for command in COMMANDS if "--limit" in help_of(capsys, command)]
    assert limited == ["count"]


@pytest.mark.parametrize(
    ("command", "option", "now"),
    [(command, option, now) for command in MOVED for option, now in MOVED[command].items()],
)
@pytest.mark.parametrize("form", ["{}", "{}=3"])
def test_an_option_of_old_says_where_it_went(
    capsys: pytest.CaptureFixture[str], command: str, option: str, now: str, form: str
) -> None:
    """One line and exit code 2, also through `report`; and the new place is there."""
    for before in ([], ["report"]):
        assert run([*before, command, form.format(option)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        if not before or command in ("explain", "latency"):
            assert captured.err == (
                f"error: {command} {option} is no more: it is now `shufflenet-flops {now}`\n"
            )
    words = [word for word in now.split() if not word.isupper()]
    named = [word for word in words if not word.startswith("-")]
    text = help_of(capsys, " ".join(named))
    assert all(word in text for word in words)


def test_two_words_beside_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`paper TABLE` goes on as it was, and says what else there is."""
    file = tmp_path / "fits.json"
    assert run(["paper", "fit-table-4", "--stem", "24", "-o", str(file)]) == 0
    assert "unexplained: ShuffleNet 576" in capsys.readouterr().out
    data = json.loads(file.read_text())
    assert data["command"] == "paper fit-table-4"
    assert data["results"][0]["options"] == {"stem": 24}

    assert run(["paper", "shufflenet_v1_table_4"]) == 0
    assert "shufflenet_v1_table_4" in capsys.readouterr().out
    text = help_of(capsys, "paper")
    assert all(name in text for name in TWO_WORDS)


def test_the_list_of_commands_imports_none_of_them() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from shufflenet_flops.cli.app import run\n"
            "run(['--help'])\n"
            "print('loaded:', *(name for name in sys.modules if name.startswith('shufflenet')))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown, loaded = told.split("loaded:")
    assert [line.split()[0] for line in shown.splitlines()[-len(NAMES) :]] == list(NAMES)
    commands = {f"shufflenet_flops.cli.{name.replace('-', '_')}" for name in NAMES}
    assert not commands & set(loaded.split())
    assert "shufflenet_flops.spec" not in loaded.split()


def test_the_list_of_commands_has_the_first_sentence_of_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out.strip().splitlines()[-len(NAMES) :]
    for name, line in zip(NAMES, shown, strict=True):
        module = import_module(f"shufflenet_flops.cli.{name.replace('-', '_')}")
        sentence = " ".join(module.command.__doc__.split()).removesuffix("...")
        told = line.split(maxsplit=1)[1].removesuffix("...")
        assert sentence.startswith(told)
