"""Node data for Model Explorer: its schema, its figures, and where it has no place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from tests.sources.programs import SMALL_MACS, Small, exported


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One graph, as the adapter names it; integers by node; the ends of the gradient are there."""
    monkeypatch.chdir(tmp_path)
    Path("small.pt2").write_bytes(exported())
    assert run(["count", "small.pt2", "-o", "small.model-explorer.json"]) == 0
    data = json.loads(Path("small.model-explorer.json").read_text())
    (graph,) = data.values()
    nodes = {node.name for node in torch.export.load("small.pt2").graph.nodes}

    assert list(data) == ["graph"]
    assert set(graph) == {"results", "name", "gradient"}
    assert graph["name"] == "MACs (paper)"
    assert set(graph["results"]) <= nodes
    assert graph["results"]["conv2d"] == {"value": 6 * 6 * 4 * 27}
    assert graph["results"]["relu"] == {"value": 0}
    stops = [item["stop"] for item in graph["gradient"]]
    assert stops == sorted(stops)
    assert {0, 1} <= set(stops)


def test_under_another_convention(tmp_path: Path) -> None:
    """Its unit is in the name, and the values add up to its total."""
    counted = sf.count(Small(), (1, 3, 8, 8), convention="flops")
    path = tmp_path / "small.model-explorer.json"
    counted.save(path)
    graph = json.loads(path.read_text())["graph"]

    assert graph["name"] == "FLOPs (flops)"
    assert graph["results"]["conv2d"]["value"] == 2 * 6 * 6 * 4 * 27
    assert sum(node["value"] for node in graph["results"].values()) == counted.total


def test_a_network_is_exported(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout nothing but the data."""
    assert run(["count", "shufflenet_unit@c=240,g=3", "--format", "model-explorer"]) == 0
    graph = json.loads(capsys.readouterr().out)["graph"]

    assert sum(node["value"] for node in graph["results"].values()) == 7_949_760
    assert [name for name, node in graph["results"].items() if node["value"]] == [
        "conv2d",
        "conv2d_1",
        "conv2d_2",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "compare alexnet -o {}",
        "shuffle --g 2 --n 2 -o {}",
        "shuffle --g 2 --n 2 --format model-explorer",
        "count shufflenet_unit --training -o {}",
    ],
)
def test_other_results_have_no_nodes(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says whose format it is, and nothing is written."""
    path = tmp_path / "x.model-explorer.json"
    assert run(line.format(path).split()) == 2
    out, err = capsys.readouterr()

    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert "count" in err
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_graph_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its nodes are not those of an exported program."""
    from tests.sources.programs import export_onnx

    model = str(tmp_path / "small.onnx")
    export_onnx(Small().eval(), (torch.zeros(1, 3, 8, 8),), model, fold=True)
    path = tmp_path / "x.model-explorer.json"
    assert run(["count", model, "-o", str(path)]) == 2
    out, err = capsys.readouterr()

    assert out == ""
    assert "an ONNX graph has no nodes of an exported program: count the module" in err
    assert not path.exists()


def test_a_module_says_where_its_program_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the result; a file that is one already needs no such line."""
    path = str(tmp_path / "x.model-explorer.json")
    assert run(["count", "shufflenet_unit", "-o", path]) == 0
    assert "torch.export.save" in capsys.readouterr().err
    program = tmp_path / "small.pt2"
    program.write_bytes(exported())
    assert run(["count", str(program), "-o", path]) == 0

    assert capsys.readouterr().err == ""
    assert (
        sum(
            node["value"]
            for node in json.loads(Path(path).read_text())["graph"]["results"].values()
        )
        == SMALL_MACS
    )
