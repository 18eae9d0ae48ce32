"""Saved results come back as what they were, or are refused with where and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import DataError
from shufflenet_flops.files.saved_file import load
from shufflenet_flops.latency.stats import Latency
from shufflenet_flops.paper import CellResult, load_table, reproduce
from shufflenet_flops.report.format.json import as_json
from shufflenet_flops.saved import record, structured

ENVELOPE: dict[str, Any] = {
    "schema": 1,
    "command": "count",
    "convention": "paper",
    "environment": {},
    "results": [{}],
}


@pytest.mark.parametrize("name", ["shufflenet_v1_table_1", "resnet_table_1"])
def test_there_and_back(name: str) -> None:
    """Enums, nested tuples and unions included."""
    cells = reproduce(load_table(name))
    saved = load(as_json("paper", None, [record(cell) for cell in cells]), "x.json")

    assert [structured(CellResult, one) for one in saved.results] == list(cells)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "not results of this program"),
        ("{}", "not results of this program"),
        (json.dumps({**ENVELOPE, "schema": 2}), "schema 2, and this version reads 1"),
        (json.dumps({**ENVELOPE, "results": []}), "results is empty"),
    ],
)
def test_other_files_are_refused(text: str, problem: str) -> None:
    """With what would work."""
    with pytest.raises(DataError, match=problem) as error:
        load(text, "x.json")
    assert str(error.value).startswith("x.json: ")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"verdict": "perfect"}, r"results.verdict: 'perfect' must be one of"),
        ({"alternatives": 3}, r"results.alternatives: 3 must be a list"),
        ({"alternatives": [3]}, r"results.alternatives\[0\]: 3 must be an object"),
        ({"row": 7}, r"results.row: 7 must be of type str"),
    ],
)
def test_results_that_do_not_fit(changes: dict[str, Any], problem: str) -> None:
    """The path of what is wrong."""
    cell = json.loads(json.dumps(record(reproduce(load_table("shufflenet_v1_table_1"))[0])))

    with pytest.raises(DataError, match=problem):
        structured(CellResult, {**cell, **changes})
    del cell["printed"]
    with pytest.raises(DataError, match="printed"):
        structured(CellResult, cell)


@pytest.mark.parametrize("times", [(2.0, 1.0, 3.0), (1.0, 3.0, 2.0), (-1.0, 1.0, 2.0)])
def test_times_that_cannot_be(times: tuple[float, float, float]) -> None:
    """Quartiles and a median that are not in their order, or negative."""
    q1, median, q3 = times
    saved = {"median": median, "q1": q1, "q3": q3, "runs": 3, "samples": [1.0]}

    with pytest.raises(DataError, match=r"results: quartiles and median .* in their order; write"):
        structured(Latency, saved)


def test_report_of_a_saved_file_is_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`count -o x.json` and then `report x.json`, or `report count` at once."""
    path = tmp_path / "x.json"
    assert run(["count", "resnet50", "-o", str(path)]) == 0
    capsys.readouterr()
    assert run(["report", str(path)]) == 0
    later = capsys.readouterr().out
    assert run(["report", "count", "resnet50"]) == 0
    at_once = capsys.readouterr().out

    assert later.rpartition("Made by")[0] == at_once.rpartition("Made by")[0]
    assert "shufflenet-flops report count resnet50" in at_once
