"""Lines as people type them, right and wrong, and what comes back."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import click
import pytest
import typer

from shufflenet_flops.cli.app import app, run
from shufflenet_flops.paper import table_names


def answer(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a line, without the program's name."""
    code = run(shlex.split(line))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("paper 4", "shufflenet_v1_table_4: "),
        ("paper table4", "shufflenet_v1_table_4: "),
        ("paper 'Table 4'", "shufflenet_v1_table_4: "),
        ("paper Table 4", "shufflenet_v1_table_4: "),
        ("paper resnext 2", "resnext_table_2: "),
        ("paper resnext table 2", "resnext_table_2: "),
        ("paper ResNet", "resnet_table_1: "),
        ("paper shufflenet v2 5", "shufflenet_v2_table_5: "),
        ("paper shufflenetv2 table_5", "shufflenet_v2_table_5: "),
        ("paper v2 5", "shufflenet_v2_table_5: "),
        ("paper mobilenet 8", "mobilenet_v1_table_8: "),
        ("paper shufflenet_v1_table_5", "shufflenet_v1_table_5: "),
        ("paper tabel 4", "shufflenet_v1_table_4: "),
        ("paper 'tab. 4'", "shufflenet_v1_table_4: "),
        ("models resnet", "resnet50 "),
        ("models MobileNet", "mobilenet_v2 "),
        ("models 'resnet*'", "resnet50 "),
        ("models v2", "shufflenet_v2_x1_0 "),
        ("formula shufflenet_unit@c=240,g=3", "7,949,760"),
        ("formula shufflenet@c=240,g=3", "7,949,760"),
        ("formula --unit shufflenet_unit --c 240", "7,949,760"),
        ("formula --unit shufflenet@c=240", "7,949,760"),
        ("sweep --unit shufflenet_unit --c 240 --g 3 --quiet", "shufflenet_unit"),
        ("fit --unit shufflenet --macs 8M", "shufflenet_unit"),
        ("fit shufflenet_unit --macs 8MMAC", "shufflenet_unit"),
        ("fit shufflenet_v1@g=3 --macs 140MMAC", "960"),
        ("fit shufflenet_v1@g=3 --macs '140 MMAC'", "960"),
        ("fit shufflenet_v1@g=3 --macs 0.14G", "960"),
        ("report count --help", "Usage: shufflenet-flops count [OPTIONS] MODEL"),
        ("report compare -h", "Usage: shufflenet-flops compare [OPTIONS] [MODEL...]"),
        ("count alexnet --format html", "<h1>Where is the work of alexnet?</h1>"),
        ("fit shufflenet_v1 --macs 140M --format html", "<h1>widest within 140 MMAC</h1>"),
        ("explain alexnet --reported 714M --format html", "<h1>Who reports 714,000,000 for"),
        ("check --format html", "<h1>FLOP budget</h1>"),
        ("count resnet50 --sort params --top 3", "others"),
        ("count resnet50 --columns kernel,macs", "kernel"),
        ("count resnet50 --unit G", "GMAC"),
        ("shuffle --g 3 --n 4", "B2 is the third channel that group B of the first"),
        ("shuffle --g 2 --n 2", "B1 is the second channel that group B of the first"),
        ("shuffle --g 2 --n 2", "every output group sees every input group, through 1 channel\n"),
        ("shuffle --g 40 --n 40", "1.2 is the third channel that group 1. of the first"),
        ("count resnet50 --unit auto", "GMAC"),
        ("count resnet50 --unit g", "GMAC"),
        ("count 'shufflenet_v1@g=3, scale = 0.5'", "37.590"),
        ("explain alexnet --counter thop,fvcore", "fvcore"),
    ],
)
def test_understood(capsys: pytest.CaptureFixture[str], typed: str, shown: str) -> None:
    code, out, err = answer(capsys, typed)

    assert (code, err) == (0, "")
    assert shown in out


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("4.13G", ["ptflops", "thop"]),
        ("4.134G", ["thop"]),
        ("4.134 G", ["thop"]),
        ("4134000000", ["thop"]),
        ("4.134 GMAC", ["thop"]),
        ("4.134GMACs", ["thop"]),
        ("4133742592", ["thop"]),
        ("4,133,742,592", ["thop"]),
        ("4.1e9", ["torchprofile", "fvcore"]),
        ("8.18 GFLOPs", ["torch", "`flops` convention"]),
        ("8.178368512e9", ["torch"]),
    ],
)
def test_a_total_is_matched_to_the_digits_that_were_printed(
    capsys: pytest.CaptureFixture[str], typed: str, named: list[str]
) -> None:
    """For ResNet-50: every line rounds to it, the nearest first, and in the unit if one is said."""
    code, out, err = answer(capsys, f"explain resnet50 --reported '{typed}' --format json")
    _, text, _ = answer(capsys, f"explain resnet50 --reported '{typed}'")
    (result,) = json.loads(out)["results"]
    matches = result["matches"]

    assert (code, err) == (0, "")
    assert "that is" in text or "what rounds to it is" in text
    assert set(named) <= {match["counter"] for match in matches}
    away = [abs(match["difference"]) for match in matches]
    assert away == sorted(away)
    assert away[-1] <= result["half"]
    if unit := re.search("MAC|FLOP", typed):
        assert {match["unit"] for match in matches} == {unit[0]}


def test_it_is_the_number_of_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    """25,557,032 of ResNet-50, which round to it; as MACs they are nobody's."""
    _, text, _ = answer(capsys, "explain resnet50 --reported 25.6M")
    assert "it has 25,557,032 parameters, and no counter gives that for work" in text
    _, text, _ = answer(capsys, "explain resnet50 --reported 25.6MMAC")
    assert "parameters" not in text
    assert "no counter gives it" in text


def test_no_budgets_here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no file yet is told of the command that proposes one."""
    monkeypatch.chdir(tmp_path)
    for line in ("check", "lock", "history"):
        code, out, err = answer(capsys, line)
        assert (code, out) == (2, "")
        assert "`shufflenet-flops init` proposes one" in err


class Terminal(io.StringIO):
    """What is printed to is a terminal."""

    def isatty(self) -> bool:
        return True


def test_all_tables_are_an_overview_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of lines would be read by nobody; a pipe and a file have them."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    seen, piped = Terminal(), io.StringIO()
    for stream in (seen, piped):
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(["paper"]) == 0
    shown = seen.getvalue()

    assert len(shown.splitlines()) < 200 < len(piped.getvalue().splitlines())
    assert "`shufflenet-flops paper 4`" in shown
    assert all(f"{name} " in shown for name in table_names())
    assert "errata that the figures support" in shown
    assert "shufflenet_v1_table_5: ShuffleNet V1" in piped.getvalue()


def test_nobody_gives_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        "no counter gives it; the nearest are"
        in answer(capsys, "explain alexnet --reported 123456789")[1]
    )


# What somebody may type, what is wrong with it, and what they are told to type instead.
MISTAKES = [
    ("info resnet18", "count MODEL"),
    ("summary resnet18", "count MODEL"),
    ("show resnet18", "count MODEL"),
    ("flops resnet18", "count MODEL"),
    ("macs resnet18", "count MODEL"),
    ("params resnet18", "count MODEL"),
    ("profile resnet18", "count MODEL --by layer"),
    ("layers resnet18", "count MODEL --by layer"),
    ("list", "models"),
    ("zoo", "models"),
    ("tables", "paper TABLE"),
    ("reproduce 4", "paper TABLE"),
    ("why resnet18", "explain MODEL"),
    ("budget", "check"),
    ("help", "--help"),
    ("versions", "env"),
    ("search", "fit FAMILY --macs 140M"),
    ("coutn resnet18", "Did you mean 'count'?"),
    ("compre resnet18", "Did you mean 'compare'?"),
    ("count resnt18", "resnet18"),
    ("count ResNet18", "resnet18"),
    ("count resnet18 --input 224x224x3", "1x3x224x224"),
    ("count resnet18 --input 1,3,224,224", "1x3x224x224"),
    ("count resnet18 --input '(1, 3, 224, 224)'", "write --input 1x3x224x224"),
    ("count resnet18 --input 1*3*224*224:float16", "write --input 1x3x224x224:float16"),
    ("count resnet18 --input 1x3x16x16", "1x3x32x32"),
    ("count MobileNet-V2", "did you mean mobilenet_v2?"),
    ("count --c 240", "count shufflenet_unit@c=240,g=3"),
    ("explain --g=3", "explain shufflenet_unit@c=240,g=3"),
    ("latency --c 240", "latency shufflenet_unit@c=240,g=3"),
    ("fit shufflenet_v1 --flops 140M", "fit shufflenet_v1 --macs 140M"),
    ("paper --table 4", "`shufflenet-flops paper 4`"),
    ("compare 240 3", "compare --c 240 --g 3"),
    ("compare c=240", "shufflenet_unit@c=240,g=3"),
    ("count resnet18 --by layers", "'layer'"),
    ("count", "`shufflenet-flops count resnet50`"),
    ("explain", "`shufflenet-flops explain resnet50`"),
    ("predict", "`shufflenet-flops predict resnet50`"),
    ("calibrate", "`shufflenet-flops calibrate --engine onnxruntime`"),
    ("report", "`shufflenet-flops report count resnet50 -o resnet50.html`"),
    ("diff a", "`shufflenet-flops diff HEAD~1:flop-budget.lock flop-budget.lock`"),
    ("latency-diff", "`shufflenet-flops latency-diff old.json new.json`"),
    ("check --config pyproject.tom", "pyproject.tom"),
    ("count resnet18 --input 1x224x224x3", "write --input 1x3x224x224"),
    ("explain resnet18 --reported 4.13", "4.13G"),
    ("count resnet18 --convention papr", "paper"),
    ("count resnet18 alexnet", "`shufflenet-flops compare A B`"),
    ("count resnet18 224", "--input 1x3x224x224"),
    ("count resnet18 --input 1 3 224 224", "--input 1x3x224x224"),
    ("explain resnet18 1.8G", "--reported 1.8G"),
    ("count resnet18 --size 224", "--input 1x3x224x224"),
    ("latency resnet18 --image-size 224", "--input 1x3x224x224"),
    ("count resnet18 --batch-size 8", "write --batch 8"),
    ("count resnet18 -b 8", "write --batch 8"),
    ("explain resnet18 --json", "write --format json"),
    ("count resnet18 -f json", "write --format json"),
    ("models --csv", "write --format csv"),
    ("report count resnet18 --html x.html", "write -o x.html"),
    ("count resnet18 --depth 2", "write --by layer"),
    ("count resnet18 -v", "write --by layer"),
    ("count resnet18 --flops", "write --convention flops"),
    ("count resnet18 --params", "write --sort params"),
    ("formula shufflenet --params", "write --metric params"),
    ("count resnet18 --latency", "write --engine onnxruntime"),
    ("fit shufflenet_v1 --latency 5ms", "write --time 5ms"),
    ("fit shufflenet_v1 --budget 140M", "write --macs 140M"),
    ("fit shufflenet_v1 --mac 140M", "did you mean --macs?"),
    ("explain resnet18 --counters thop", "did you mean --counter?"),
    ("count resnet18 --convnetion flops", "did you mean --convention?"),
    ("count --version", "`shufflenet-flops --version`"),
    ("-V", "write --version"),
    ("paper --list", "`shufflenet-flops paper`"),
    ("models --list", "`shufflenet-flops models`"),
    ("paper 99", "`shufflenet-flops paper` lists them"),
    ("paper table 4 row 1", "`shufflenet-flops paper` lists them"),
    ("report resnet18", "`shufflenet-flops report count resnet18 -o net.html`"),
    ("report net.py:Net", "`shufflenet-flops report count net.py:Net -o net.html`"),
    ("count resnet-18", "did you mean resnet18?"),
    ("count ShuffleNetV1", "did you mean shufflenet_v1?"),
    ("count shufflenet_v1@G=3", "did you mean g?"),
    ("compare resnet18,alexnet", "resnet18 alexnet"),
    ("count https://host/model.onnx", "download the file"),
    ("count ''", "resnet50"),
    ("count .", "is a directory"),
    ("latency resnet18 --engine onnx", "did you mean onnxruntime?"),
    ("count resnet18 --sort size", "params"),
    ("count resnet18 --sort mac", "macs"),
    ("count resnet18 --sort latency", "time"),
    ("count resnet18 --sort time --engine onnx", "onnxruntime"),
    ("count resnet18 --columns macs,parms", "params"),
    ("count resnet18 --by stage --top 3", "--by layer, unit or kind"),
    ("count resnet18 -o x.pdf", ".html"),
    ("count shufflenet_v1@groups=3", "g"),
    ("compare resnet18 --c 480", "shufflenet_v1@g=8,scale=2"),
    ("compare resnet18 --unit shufflenet", "is for units"),
    ("compare --input 1x3x64x64", "--c, --h and --w"),
    ("compare --unit resnet --g 8 --no-latency", "has no groups"),
    ("compare resnet18 --threads 2", "--latency"),
    ("fit shufflenet_v1 --macs 140MB", "140 MMAC"),
    ("fit shufflenet_v1", "--macs"),
    ("fit shufflenet_v1 --macs 140MFLOP", "140 MMAC"),
    ("formula shuflenet_unit", "shufflenet_unit"),
    ("formula shufflenet_unit --metric mac", "'macs'"),
    ("paper shufflenet 44", "shufflenet_v1_table_4"),
    ("models resnt", "resnet18"),
    ("explain resnet18 --reported abc", "4.13G"),
    ("explain resnet18 --counter thopp", "thop"),
    ("sweep --c 1-10", "64:1024:16"),
    # What another command takes.
    ("resnet50", "`shufflenet-flops count resnet50`"),
    ("net.py:Net --input 224", "`shufflenet-flops count net.py:Net`"),
    ("hf:bert", "`shufflenet-flops count hf:bert`"),
    ("diff resnet18 resnet50", "`shufflenet-flops compare resnet18 resnet50`"),
    ("diff net.py:Net timm:resnet50", "`shufflenet-flops compare net.py:Net timm:resnet50`"),
    ("latency-diff resnet18 net.py", "`shufflenet-flops latency resnet18 net.py`"),
    ("latency-diff README.md README.md", "`shufflenet-flops diff` takes counts and locks"),
    ("count old.json", "`shufflenet-flops report old.json`"),
    ("compare old.json new.json", "`shufflenet-flops diff` what changed between two counts"),
    ("explain flop-budget.lock", "diff HEAD:flop-budget.lock flop-budget.lock`"),
    ("latency flop-budget.toml", "`shufflenet-flops check --config flop-budget.toml`"),
    ("formula net.json", "`shufflenet-flops report net.json`"),
    ("fit net.json --macs 1G", "`shufflenet-flops report net.json`"),
    ("count shufflenet_v1_table_4", "`shufflenet-flops paper shufflenet_v1_table_4`"),
    ("count 'Table 4'", "`shufflenet-flops paper 'Table 4'`"),
    ("count 'resnet*'", "`shufflenet-flops models 'resnet*'`"),
    ("paper resnet50", "`shufflenet-flops paper --network resnet50`"),
    ("paper net.py:Net", "`shufflenet-flops count net.py:Net`"),
    ("models net.py", "`shufflenet-flops count net.py`"),
    ("check resnet18", "`shufflenet-flops count resnet18`"),
    ("check flop-budget.toml", "--config flop-budget.toml"),
    ("history net.py:Net", "`shufflenet-flops count net.py:Net`"),
    ("calibrate --engine onnxruntime resnet18", "`shufflenet-flops predict resnet18`"),
    ("fit 140M", "--macs 140M"),
    ("fit shufflenet_v1 140M", "--macs 140M"),
    ("fit net.py --macs 1G", "--over h,w"),
    ("sweep net.py:Net --c 64", "--over h=128:1024:32"),
    ("sweep net.json --c 64", "`shufflenet-flops report net.json`"),
    ("sweep --c 64:128:16 --macs 40M", "write --where 'macs < 140M'"),
    ("explain 4.13G", "`shufflenet-flops explain MODEL --reported 4.13G`"),
    ("report fit shufflenet_v1", "`shufflenet-flops fit … -o x.html`"),
    ("report diff a b", "`shufflenet-flops diff … -o x.html`"),
    ("report flop-budget.toml", "`shufflenet-flops check --config flop-budget.toml`"),
    ("report table 4", "`shufflenet-flops report paper table 4 -o table.html`"),
    ("report resnext_table_2", "`shufflenet-flops report paper resnext_table_2 -o table.html`"),
]


@pytest.mark.parametrize(("typed", "told"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake_is_told_what_works(
    capsys: pytest.CaptureFixture[str], typed: str, told: str
) -> None:
    """One line, exit code 2, nothing on stdout, and no words of the libraries underneath."""
    code, out, err = answer(capsys, typed)

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert told in err
    assert not re.search(r"Value error|pydantic|Traceback|<class|BadParameter", err)


# What the messages above lead to.
WORKING = """
count resnet18
count resnet18 --by layer
models
paper 4
env
--help
fit shufflenet_v1 --macs '140 MMAC'
count resnet18 --input 1x3x224x224
count resnet18 --input 1x3x32x32
count resnet18 --by layer --sort params --columns macs,params --top 3
count shufflenet_v1@g=3
count shufflenet_unit@c=480
compare --unit shufflenet --g 8 --c 480 --no-latency
formula shufflenet_unit --metric macs
models resnet18
explain resnet18 --reported 1.81G
sweep --c 64:1024:16 --quiet
count resnet18 --batch 8
explain resnet18 --format json
models --format csv
count resnet18 --convention flops
count resnet18 --sort params
formula shufflenet --metric params
compare resnet18 alexnet
--version
paper resnext
compare resnet18 resnet50
paper --network resnet50
paper 'Table 4'
models 'resnet*'
report paper table 4
fit shufflenet_v1 --macs 140M
check --config flop-budget.toml
""".strip().splitlines()


@pytest.mark.parametrize("line", WORKING)
def test_what_they_are_told_works(capsys: pytest.CaptureFixture[str], line: str) -> None:
    assert answer(capsys, line)[0] == 0


def test_the_list_of_commands_cuts_no_sentence() -> None:
    """In the reference, where nobody says how much room there is."""
    commands = typer.main.get_command(app)
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        said = command.get_short_help_str()
        assert said.endswith(".")
        assert not said.endswith("..")


def test_latency_is_for_who_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """Networks side by side are counted only; --runs or --latency times them."""
    assert "latency" not in answer(capsys, "compare resnet18 alexnet --input 64")[1].splitlines()[1]
    code, out, err = answer(capsys, "compare resnet18 alexnet --input 64 --runs 2")
    assert code == 0
    assert "latency" in out
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert len(set(err.splitlines())) == len(err.splitlines())
