"""`report`: files all or nothing, resumable, and refusals before any work."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from shufflenet_flops.cli import report as report_command
from shufflenet_flops.cli import staging
from shufflenet_flops.cli.app import run
from shufflenet_flops.cli.staging import Staging
from shufflenet_flops.errors import InputError

SMALL = {
    "one": ("count", "shufflenet_v1_x1_0_g3"),
    "two": ("paper", "shufflenet_v1_table_1"),
}


def files_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*.*"))


def test_markdown_has_its_figures(tmp_path: Path) -> None:
    """In SVG and PNG, in a folder beside it, and no more than it shows."""
    assert run(["report", "count", "resnet50", "-o", str(tmp_path / "r.md")]) == 0

    assert files_in(tmp_path) == ["figures/r-stages.png", "figures/r-stages.svg", "r.md"]
    text = (tmp_path / "r.md").read_text()
    assert "](figures/r-stages.svg)" in text
    assert f"Made by: `shufflenet-flops report count resnet50 -o {tmp_path}/r.md`" in text
    assert text.startswith("# Where is the work of resnet50?\n\n- 4,089,184,256 MACs")


@pytest.mark.parametrize("name", ["my report", "a(b)", "50 % #1", "x]y", "größe", "$x$_<b>"])
def test_links_lead_to_the_figures_whatever_the_report_is_called(name: str, tmp_path: Path) -> None:
    """As a reader of Markdown follows them."""
    path = tmp_path / f"{name}.md"
    assert run(["report", "count", "resnet18", "-o", str(path)]) == 0

    images = [
        child.attrs["src"]
        for token in MarkdownIt().parse(path.read_text())
        for child in token.children or ()
        if child.type == "image"
    ]
    assert len(images) == 1
    for address in images:
        assert (tmp_path / unquote(str(address))).is_file()


def test_options_of_the_command_are_its_own(tmp_path: Path) -> None:
    """What `report` does not know, the command is given."""
    path = tmp_path / "r.md"
    arguments = ["count", "resnet50", "--convention", "flops", "--input", "1x3x64x64"]
    assert run(["report", *arguments, "-o", str(path)]) == 0

    assert "MFLOP" in path.read_text()
    assert "Input 1x3x64x64" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["count", "resnet50", "-o", "x.pdf"], "the suffix must be .md or .html"),
        (["count", "resnet5", "-o", "x.md"], "did you mean"),
        (["count", "resnet50", "--by", "colour", "-o", "x.md"], "colour"),
        (["compare", "--c", "250", "-o", "x.md"], "nearest are 240 and 252"),
        (["models", "-o", "x.md"], "`shufflenet-flops models … -o x.html` writes its page"),
        (["nothing", "-o", "x.md"], "known: compare, count, explain, latency, latency-diff, paper"),
        (["nothing.json", "-o", "x.md"], "cannot read nothing.json"),
        (["all", "-o", "x.md"], "report all writes one directory or one page"),
        (["all", "-o", "no/x.html"], "there is no directory no"),
        (["all", "resnet50"], "takes no further arguments, got resnet50"),
        (["count", "resnet50", "-o", "no/such/x.md"], "cannot write no/such/x.md"),
    ],
)
def test_refusals_write_nothing(
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, exit code 2."""
    monkeypatch.chdir(tmp_path)

    assert run(["report", *arguments]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_all_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in its second part: old files are whole, and the first part is not run again."""
    monkeypatch.setattr(report_command, "PARTS", SMALL)
    old = tmp_path / "one.md"
    old.write_text("old")
    made: list[str] = []
    real = report_command._json

    def interrupted(arguments: tuple[str, ...], invoke: report_command.Invoke) -> str:
        made.append(arguments[0])
        if made == ["count", "paper"]:
            raise KeyboardInterrupt
        return real(arguments, invoke)

    monkeypatch.setattr(report_command, "_json", interrupted)
    arguments = ["report", "all", "-o", str(tmp_path)]

    assert run(arguments) == 2
    assert old.read_text() == "old"
    assert run(arguments) == 0
    assert made == ["count", "paper", "paper"]
    assert old.read_text().startswith("# Where is the work")
    assert "report.html" in files_in(tmp_path)
    assert not (tmp_path / ".report.part").exists()


def test_all_on_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of every section, and nothing beside it."""
    monkeypatch.setattr(report_command, "PARTS", SMALL)

    assert run(["report", "all", "-o", str(tmp_path / "x.html")]) == 0
    assert files_in(tmp_path) == ["x.html"]
    page = (tmp_path / "x.html").read_text()
    assert all(f'<h2 id="{name}"' in page for name in SMALL)


def test_kept_results_are_of_the_same_command(tmp_path: Path) -> None:
    """Other arguments are run anew."""
    with contextlib.suppress(KeyboardInterrupt), Staging(tmp_path) as stage:
        stage.kept("a", ["count", "x"], lambda: "first")
        raise KeyboardInterrupt
    with Staging(tmp_path) as stage:
        assert stage.kept("a", ["count", "x"], lambda: "second") == "first"
        assert stage.kept("a", ["count", "y"], lambda: "third") == "third"


@pytest.mark.slow
def test_killed_in_the_middle(tmp_path: Path) -> None:
    """With SIGKILL, which nothing can catch: old reports are whole."""
    old = tmp_path / "units.md"
    old.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflenet_flops", "report", "all", "-o", str(tmp_path)]
    )
    first = tmp_path / ".report.part" / "units.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert first.exists()
    assert old.read_text() == "old"
    assert files_in(tmp_path)[-1] == "units.md"


def test_kept_results_are_of_the_same_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of any package, and they are made anew."""
    for made in ("first", "second"):
        with contextlib.suppress(KeyboardInterrupt), Staging(tmp_path) as stage:
            assert stage.kept("a", ["count", "x"], lambda made=made: made) == made
            monkeypatch.setattr(staging, "_installed", lambda: "torch 99")
            raise KeyboardInterrupt


@pytest.mark.parametrize("damage", ["cut", "changed", "no text", "empty", "gone"])
def test_damaged_results_are_made_again(tmp_path: Path, damage: str) -> None:
    """As an old program or a full disk leaves them."""
    with contextlib.suppress(KeyboardInterrupt), Staging(tmp_path) as stage:
        stage.kept("a", ["count", "x"], lambda: "the first results\n")
        raise KeyboardInterrupt
    path = tmp_path / ".report.part" / "a.json"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-3],
            "changed": whole.replace(b"first", b"worst"),
            "no text": whole + b"\xff",
            "empty": b"",
            "gone": whole,
        }[damage]
    )
    if damage == "gone":
        path.unlink()
    with Staging(tmp_path) as stage:
        assert stage.kept("a", ["count", "x"], lambda: "second") == "second"
    assert list(tmp_path.iterdir()) == []


def test_budgets_are_never_of_an_earlier_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a check depends on, a model's code and all that it reads, nobody can list."""
    monkeypatch.chdir(tmp_path)
    config = Path("flop-budget.toml")
    budget = 'schema = 1\n[[budget]]\nmodel = "shufflenet_v1_x0_25_g3"\nmacs = "{}"\n'
    config.write_text(budget.format("40 M"))
    assert run(["lock"]) == 0
    parts = {"budgets": ("check", "--locked"), "one": ("count", "shufflenet_v1_x0_25_g3")}
    monkeypatch.setattr(report_command, "PARTS", parts)
    real = report_command._json

    def interrupted(arguments: tuple[str, ...], invoke: report_command.Invoke) -> str:
        if arguments[0] == "count":
            raise KeyboardInterrupt
        return real(arguments, invoke)

    monkeypatch.setattr(report_command, "_json", interrupted)
    assert run(["report", "all", "-o", "out"]) == 2
    config.write_text(budget.format("1 M"))
    monkeypatch.setattr(report_command, "_json", real)
    run(["report", "all", "-o", "out"])

    assert "all fine" not in Path("out/budgets.md").read_text()


def test_two_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second one is refused, and takes nothing from the first."""
    with Staging(tmp_path) as stage:
        stage.kept("a", ["count", "x"], lambda: "first")
        assert run(["report", "all", "-o", str(tmp_path)]) == 2
        assert "it is named twice" in capsys.readouterr().err  # by one process
        assert stage.kept("a", ["count", "x"], lambda: "second") == "first"


@pytest.mark.slow
def test_the_atlas_is_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with the networks as data for its drawing, and the same tables in Markdown."""
    monkeypatch.setattr("shufflenet_flops.report.atlas.table_names", lambda: ["vgg_table_2"])
    page, text = tmp_path / "atlas.html", tmp_path / "atlas.md"

    assert run(["report", "atlas", "-o", str(page), "-o", str(text)]) == 0
    data = re.search(r'id="a-data">(.*?)</script>', page.read_text())
    assert data is not None
    atlas = json.loads(data[1])
    networks = {network["name"]: network for network in atlas["networks"]}
    assert networks["vgg16"]["params"] == 138_357_544
    assert networks["vgg16"]["published"] == [
        ["VGG, Table 2", "Number of parameters", "D", "138 = 138.36", "params"]
    ]
    assert "| vgg16 | vgg | 224x224 | 15,470.3 |" in text.read_text()
    assert list(atlas["engines"]) == ["onnxruntime", "openvino"]
    assert networks["vgg16"]["times"] == [None, None]  # whose first fc layer is out of all measure
    assert 0 < networks["shufflenet_v1_x1_0_g3"]["times"][0] < networks["resnet50"]["times"][0]


@pytest.mark.slow
def test_the_atlas_says_why_it_has_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where scikit-learn is not installed; the rest of it is there."""

    def refuse(*_: object) -> None:
        raise InputError("predicting time needs scikit-learn: pip install scikit-learn")

    monkeypatch.setattr("shufflenet_flops.report.atlas.table_names", lambda: ["vgg_table_2"])
    monkeypatch.setattr("shufflenet_flops.latency.predict.zoo_times.Predictor", refuse)
    text = tmp_path / "atlas.md"

    assert run(["report", "atlas", "-o", str(text)]) == 0
    assert "No predicted times: predicting time needs scikit-learn" in text.read_text()
    assert "| vgg16 | vgg | 224x224 | 15,470.3 |" in text.read_text()


def test_the_atlas_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "atlas", "resnet50"]) == 2
    assert "report atlas takes no further arguments, got resnet50" in capsys.readouterr().err
