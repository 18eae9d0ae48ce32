"""`sweep --engine NAME`: a predicted time for every configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.zoo.designs import find_design
from tests.cli.test_predict import lawful_file
from tests.latency.predict.laws import lawful

GRID = ("--c", "48:480:48", "--g", "1,2,3,8", "--h", "96,224")


def swept(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Any:
    """The one result of a sweep by a small calibration."""
    engine = ("--engine", "onnxruntime", "--calibration", str(lawful_file(folder)))
    assert run(["sweep", *arguments, *engine, "--format", "json", "--quiet"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    return result


@pytest.mark.parametrize("family", ["shufflenet_v1", "shufflenet_unit", "resnext"])
def test_each_time_is_what_its_network_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, family: str
) -> None:
    """As predicted by itself, whatever its groups; the front holds all that no other beats."""
    result = swept(capsys, tmp_path, family, *GRID, "--min", "time_s", "--max", "macs")
    predictor = Predictor(lawful())
    design = find_design(family)

    assert result["pareto"]
    assert result["predicted"] == lawful().name
    for row in result["pareto"]:
        network = design.build(**design.known(row))
        rows = layer_table(network.spec, network.input).rows
        alone = sum(time.seconds for time, _ in predictor.kernels(rows))
        assert row["time_s"] == pytest.approx(alone, rel=0.02), row
    times = [row["time_s"] for row in result["pareto"]]
    macs = [row["macs"] for row in result["pareto"]]
    assert times == sorted(times)
    assert macs == sorted(macs)


def test_a_filter_takes_a_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In milliseconds as everywhere; all rows are saved with their times."""
    folder = tmp_path / "rows"
    save = ("--save", str(folder), "--save-as", "csv")
    all_rows = swept(capsys, tmp_path, "shufflenet_v1", *GRID, *save)
    part = (folder / "part-000000.csv").read_text().splitlines()
    place = part[0].split(",").index("time_s")
    times = sorted(float(line.split(",")[place]) for line in part[1:])
    limit = times[len(times) // 2]

    few = swept(capsys, tmp_path, "shufflenet_v1", *GRID, "--where", f"time_s <= {1e3 * limit} ms")

    assert all_rows["kept"] == len(times)
    assert few["kept"] == sum(time <= limit for time in times)


def test_the_table_is_in_milliseconds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With what predicts it; without an engine there is no such column."""
    file = ("--engine", "onnxruntime", "--calibration", str(lawful_file(tmp_path)))

    assert run(["sweep", "resnet_unit", "--c", "64,128", *file, "--min", "time_s"]) == 0
    output = capsys.readouterr()
    assert "least predicted ms" in output.out
    assert f"predicted from the calibration of {lawful().name}" in output.out
    assert "the calibration is of another machine" in output.err

    assert run(["sweep", "resnet_unit", "--c", "64,128", "--min", "time_s"]) == 2
    assert "as in --engine onnxruntime" in capsys.readouterr().err
    assert run(["sweep", "resnet_unit", "--c", "64", "--where", "time_s < 5 ms"]) == 2
    assert "as in --engine onnxruntime" in capsys.readouterr().err
    assert run(["sweep", "resnet_unit", "--c", "64", "--calibration", "c.json"]) == 2
    assert "name it with --engine" in capsys.readouterr().err


def test_a_metric_is_what_is_minimised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--metric time` and `--min time_s` are one; without an engine there is no time."""
    grid = ("--c", "64:256:32", "--max", "macs")
    short = swept(capsys, tmp_path, "resnet_unit", *grid, "--metric", "time")
    long = swept(capsys, tmp_path, "resnet_unit", *grid, "--min", "time_s")
    assert short["pareto"] == long["pareto"]
    assert {"time_s", "macs"} <= set(short["pareto"][0])

    assert run(["sweep", "resnet_unit", "--c", "64", "--metric", "time"]) == 2
    assert "as in --engine onnxruntime" in capsys.readouterr().err
    assert run(["sweep", "resnet_unit", "--c", "64", "--where", "time_s < 5 ms"]) == 2
    assert "as in --engine onnxruntime" in capsys.readouterr().err
    assert run(["sweep", "resnet_unit", "--c", "64,128", "--metric", "memory"]) == 0


def test_from_python(tmp_path: Path) -> None:
    """The same times, as a column of the frame, and a front of them."""
    pytest.importorskip("pandas")
    import shufflenet_flops as sf
    from shufflenet_flops.errors import InputError

    table = sf.sweep(
        "resnet_unit",
        c="64:256:64",
        engine="onnxruntime",
        calibration=lawful_file(tmp_path),
        minimise=["time_s"],
    )
    predictor = Predictor(lawful())
    for c, seconds in zip(table["c"], table["time_s"], strict=True):
        network = find_design("resnet_unit").build(**find_design("resnet_unit").fill({"c": int(c)}))
        rows = layer_table(network.spec, network.input).rows
        alone = sum(time.seconds for time, _ in predictor.kernels(rows))
        assert seconds == pytest.approx(alone, rel=0.02)
    assert table["pareto"].any()
    with pytest.raises(InputError, match="of which engine"):
        sf.sweep("resnet_unit", c=64, calibration="c.json")
