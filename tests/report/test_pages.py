"""Pages of results whatever was asked of a command, and what their colours and axes tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from shufflenet_flops.budget.history import Step
from shufflenet_flops.cli.app import run
from shufflenet_flops.counters.protocol import CounterReport
from shufflenet_flops.paper import reproduce
from shufflenet_flops.paper.published import load_table
from shufflenet_flops.report.sections.counter_totals import counters_picture
from shufflenet_flops.report.sections.history import section_of
from shufflenet_flops.report.view.paper import table_grid


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("count shufflenet_unit@c=240,g=3 --training", "What does a training step of shufflenet"),
        ("count shufflenet_unit --training --peak", "peak memory of shufflenet_unit"),
        ("count shufflenet_unit --peak", "peak memory of shufflenet_unit"),
        ("explain shufflenet_unit --training", "Who says what of a training step of shufflenet"),
    ],
)
def test_a_page_of_what_was_asked(line: str, shown: str, tmp_path: Path) -> None:
    """It opens with its question, and has the tables of the command."""
    path = tmp_path / "x.html"

    assert run([*line.split(), "-o", str(path)]) == 0
    assert shown in path.read_text()


def test_a_training_step_has_no_card(capsys: pytest.CaptureFixture[str]) -> None:
    """A card is of a forward pass; the step's tables stand in its place."""
    assert run("count shufflenet_unit --training --format card".split()) == 0
    card = capsys.readouterr().out
    assert run("count shufflenet_unit --training --format markdown".split()) == 0

    assert card == capsys.readouterr().out


def step(commit: str, before: int | None, after: int | None) -> Step:
    return Step(
        commit=commit,
        date="2026-01-31",
        author="a",
        message="m",
        model="net",
        convention="paper",
        metric="macs",
        before=before,
        after=after,
        layer="",
        change="",
    )


def test_what_got_heavier_and_lighter_is_told_apart() -> None:
    """And one commit has no course to draw."""
    steps = [step("a" * 40, None, 10**6), step("b" * 40, 10**6, 2 * 10**6)]
    section = section_of([*steps, step("c" * 40, 2 * 10**6, 10**6)])
    (table,) = section.grids
    place = [column.heading for column in table.columns].index("change")

    assert table.columns[0].heading == "model"  # which stands beside what goes on below
    assert [row[place].tone for row in table.rows] == ["good", "bad", ""]
    assert len(section.pictures) == 1
    assert section_of(steps[:1]).pictures == ()
    (axes,) = section.pictures[0].figure.axes
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_figures_that_come_out_are_told_from_those_that_do_not() -> None:
    """`=` is good, `≠` is bad; a near one and one that is quoted are neither."""
    tones = {"=": "good", "≠": "bad", "≈": ""}
    seen = set()
    for name in ("shufflenet_v1_table_4", "shufflenet_v1_table_2", "resnet_table_1"):
        table = load_table(name)
        for row in table_grid(table, reproduce(table)).rows:
            for cell in row[1:]:
                sign = next(
                    (sign for sign in tones if f" {sign}" in cell.text.replace("\n", " ")), ""
                )
                assert cell.tone == tones.get(sign, "")
                seen.add(sign)

    assert {"=", "≈", ""} <= seen


@pytest.mark.parametrize(("extra", "word"), [(18_432, "thousands"), (184_320, "millions")])
def test_an_axis_has_the_size_of_what_it_shows(extra: int, word: str) -> None:
    """Bars of some thousands are not 0.0 million."""
    report = CounterReport(
        name="thop",
        status="ok",
        unit="MAC",
        distribution="thop",
        version="1",
        reported=100 + extra,
        predicted=100 + extra,
        residual=0,
        terms={"linear_macs": 100, "norm": extra},
    )
    (picture,) = counters_picture("net", 100, {"thop": report})
    (axes,) = picture.figure.axes

    assert axes.get_xlabel().startswith(word)
    assert [text.get_text() for text in axes.texts] == ["18.4" if extra < 10**5 else "0.2"]
