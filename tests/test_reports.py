"""Committed reports that no clock went into are in step with what is computed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.cli.report import PAGE, PARTS
from shufflenet_flops.latency.predict import zoo_times
from shufflenet_flops.latency.predict.zoo_times import EngineTimes

REPORTS = Path(__file__).parents[1] / "reports"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, but for this repository's budgets."""
    for name in ("flop-budget.toml", "flop-budget.lock"):
        shutil.copy(REPORTS.parent / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predicted times as committed, once those that are learned here are close to them.

    They are not the same to the digit: on another processor, or with another scikit-learn, trees
    that are nearly as good may be learned.
    """
    page = re.search(r'id="a-data">(.*?)</script>', (REPORTS / "atlas.html").read_text())
    assert page is not None
    networks = json.loads(page[1])["networks"]
    predicted = zoo_times.zoo_times

    def committed(names: Iterable[str]) -> list[EngineTimes]:
        found = []
        for place, engine in enumerate(predicted(names)):
            there = {network["name"]: network["times"][place] for network in networks}
            assert list(there) == list(engine.seconds)
            both = {name for name, time in engine.seconds.items() if time and there[name]}
            assert {name: there[name] for name in both} == pytest.approx(
                {name: engine.seconds[name] for name in both}, rel=0.1
            )
            found.append(replace(engine, seconds=there))
        return found

    monkeypatch.setattr(zoo_times, "zoo_times", committed)


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("networks", "atlas")))
        for name in PARTS
    ],
)
def test_report_is_in_step(name: str, folder: Path) -> None:
    """`make reports` writes them anew. Figures are the same bytes in one version of matplotlib."""
    assert run(["report", *PARTS[name], "-o", f"{name}.md"]) == 0
    made = [folder / f"{name}.md", *sorted(folder.glob("figures/*"))]

    assert (REPORTS / f"{name}.md").read_text() == made[0].read_text()
    for path in made:
        committed = REPORTS / path.relative_to(folder)
        assert committed.exists(), committed.name
        if path.suffix == ".svg" and drawn_by(committed) == metadata.version("matplotlib"):
            assert committed.read_bytes() == path.read_bytes(), path.name
    assert [path.name for path in made[1:]] == sorted(
        path.name for path in (REPORTS / "figures").glob(f"{name}-*")
    )


@pytest.mark.slow
@pytest.mark.usefixtures("times")
def test_the_page_of_the_atlas_is_in_step(folder: Path) -> None:
    """It has no figures but those that it draws itself."""
    assert run(["report", "atlas", "-o", "atlas.html"]) == 0
    assert (folder / "atlas.html").read_bytes() == (REPORTS / "atlas.html").read_bytes()


def test_models_are_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of the zoo is no report, and is kept beside them."""
    assert run(["models", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == (REPORTS / "models.md").read_text()


def test_page_has_every_report() -> None:
    """And the explorer."""
    page = (REPORTS / PAGE).read_text()

    assert len(re.findall("<section", page)) == len(PARTS) + 1
    assert len(page) < 700_000


@pytest.mark.slow
@pytest.mark.usefixtures("times")
def test_page_is_in_step(folder: Path) -> None:
    """Apart from its figures, whose bytes are those of one version of matplotlib."""
    assert run(["report", "all", "-o", "reports"]) == 0
    without_figures = [
        re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "figure", (directory / PAGE).read_text())
        for directory in (REPORTS, folder / "reports")
    ]

    assert without_figures[0] == without_figures[1]


def drawn_by(svg: Path) -> str:
    """The version of matplotlib that an SVG says it is from."""
    match = re.search(r"Matplotlib v([\d.]+)", svg.read_text())
    assert match is not None
    return match[1]
