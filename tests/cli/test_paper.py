"""`paper`: layout, filters, formats, and exit code 1 for a verdict that moved."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from shufflenet_flops import paper
from shufflenet_flops.cli.app import run
from shufflenet_flops.paper import CellVerdict, PublishedTable


def stdout_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["paper", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_table_is_laid_out_as_published(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows and columns in the paper's order, the summary below."""
    lines = stdout_of(capsys, "shufflenet_v1_table_5").splitlines()
    models = [line.split("  ")[0] for line in lines[4:14]]

    assert lines[1].split() == ["MFLOPs", "Cls", "err.", "Δ", "err."]
    assert models[:2] == ["1.0 MobileNet-224", "ShuffleNet 2x (g=3)"]
    assert "524 = 524.05" in lines[5]
    assert "40 ≠ 21.58" in lines[13]
    assert "8 exact, 1 near, 1 unexplained, 16 quoted; paper: 8 of 10 exact" in lines


def test_table_1_under_both_conventions(capsys: pytest.CaptureFixture[str]) -> None:
    text = stdout_of(capsys, "shufflenet_v1_table_1", "--alternatives")

    assert "paper-conv: 5 of 5 exact" in text
    assert "with the fc layer (paper): 2 of 5 exact when rounded, 1 more when truncated" in text


def test_tables_fit_a_terminal_of_100_columns() -> None:
    """As far as words may wrap: every column but text ones has to fit."""
    from rich.console import Console

    from shufflenet_flops.report.format.text import print_grids
    from shufflenet_flops.report.view.paper import table_grids

    tables = [
        (table, paper.reproduce(table)) for table in map(paper.load_table, paper.table_names())
    ]
    text = io.StringIO()
    print_grids(Console(file=text, width=100), table_grids(tables, alternatives=True))

    assert max(len(line.rstrip()) for line in text.getvalue().splitlines()) <= 100


def test_json_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys that scripts rely on, full integers in base units."""
    data = json.loads(stdout_of(capsys, "shufflenet_v1_table_1", "--format", "json"))
    cell = data["results"][-3]

    assert data["command"] == "paper"
    assert {
        "table": "shufflenet_v1_table_1",
        "row": "Complexity",
        "column": "g=3",
        "printed": "137M",
        "unit": "MAC",
        "computed": 136_500_672,
        "convention": "paper-conv",
        "verdict": "exact",
        "match": "rounded",
    }.items() <= cell.items()
    assert cell["note"]
    assert cell["alternatives"][0]["computed"] == 137_460_672


def test_csv_has_every_cell_of_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(stdout_of(capsys, "--format", "csv"))))

    assert len(rows) == sum(len(paper.load_table(name).cells) for name in paper.table_names())
    assert {row["table"] for row in rows} == set(paper.table_names())


def test_all_tables_begin_with_the_count_and_end_with_errata(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = stdout_of(capsys, "--format", "markdown")

    assert text.startswith("### 3274 published figures: 1526 exact, 162 near, 49 unexplained")
    assert "### errata that the figures support" in text


def test_filters_keep_the_layout(capsys: pytest.CaptureFixture[str]) -> None:
    row = stdout_of(capsys, "shufflenet_v1_table_6", "--row", "AlexNet")
    unexplained = stdout_of(capsys, "--verdict", "unexplained")

    assert "720 ≈ 724.41" in row
    assert "VGG-16" not in row
    assert "1.19% ≠ 1.9056" in unexplained
    assert " ≈ " not in unexplained
    assert "errata" not in unexplained


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shufflenet_v1_table_44"], "unknown table 'shufflenet_v1_table_44': did you mean"),
        (["xyzzy"], "unknown table 'xyzzy': `shufflenet-flops paper` lists them"),
        (["resnet_table_1", "--row", "FLOP"], "unknown row of resnet_table_1 'FLOP': did you mean"),
        (["--row", "Complexty"], "unknown row 'Complexty': did you mean Complexity"),
        (["--verdict", "maybe"], "maybe"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Exit code 2 and one line."""
    assert run(["paper", *arguments]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_moved_verdict_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is still printed; stderr says which cell."""
    published = paper.load_table("resnet_text")

    def misremembered(name: str) -> PublishedTable:
        cells = (replace(published.cells[0], verdict=CellVerdict.NEAR), *published.cells[1:])
        return replace(published, cells=cells)

    monkeypatch.setattr(paper, "load_table", misremembered)

    assert run(["paper", "resnet_text"]) == 1
    captured = capsys.readouterr()
    assert "15.3e9 = 15.347" in captured.out
    assert captured.err == "resnet_text: VGG-16, FLOPs: exact, on record as near\n"


def test_the_summary_is_the_tables_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    """One line per paper, whose figures are all there are; sources are told."""
    data = json.loads(stdout_of(capsys, "--summary", "--format", "json"))
    cells = list(csv.DictReader(io.StringIO(stdout_of(capsys, "--format", "csv"))))

    assert data["command"] == "paper --summary"
    for verdict in ("exact", "near", "unexplained", "quoted"):
        counted = sum(cell["verdict"] == verdict for cell in cells)
        assert sum(standing[verdict] for standing in data["results"]) == counted
    by_paper = {standing["paper"]: standing for standing in data["results"]}
    assert by_paper["pycls"]["conventions"] == {"pycls": 38}
    assert len({source for one in by_paper.values() for source in one["sources"]}) >= 25


def test_a_network_has_all_that_was_published_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """ResNet-50 by two readings, with what its rows quote, and who prints what."""
    text = stdout_of(capsys, "--network", "resnet50")

    assert "ResNet, Table 1" in text
    assert "4089185256 =" in text
    assert "76.13" in text
    cost = text.replace("\n", " ").partition("cost as printed: ")[2]
    assert "3.8e9 MAC (ResNet" in cost
    assert "4.1e9 MAC (ResNeXt" in cost


def test_only_tables_about_the_network_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """By identity, not by name: `mobilenet_v2_x1_4` is `mobilenet_v2@alpha=1.4`."""
    by_name, by_option = (
        json.loads(stdout_of(capsys, "--network", name, "--format", "json"))["results"]
        for name in ("mobilenet_v2_x1_4", "mobilenet_v2@alpha=1.4")
    )

    assert by_name == by_option
    assert {"585M", "582", "6.9M", "6.06"} <= {cell["printed"] for cell in by_name}
    assert "none of the tables here" in stdout_of(capsys, "--network", "repvgg_b1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "resnet51"], "unknown model 'resnet51': did you mean"),
        (["resnet", "--network", "resnet50"], "--network and a TABLE cannot be given together"),
        (["--network", "resnet50", "--summary"], "--network and --summary cannot be"),
        (["--summary", "--row", "FLOPs"], "--summary and --row cannot be given together"),
    ],
)
def test_what_cannot_be_asked_together(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["paper", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
