"""What a file takes on disk, and its weights by type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from shufflenet_flops.peak.result import FileSize, PeakTerm
from tests.sources.programs import exported


def size_of(path: Path) -> FileSize:
    peak = sf.count(str(path), peak=True).peak
    assert peak is not None
    assert peak.file is not None
    return peak.file


def saved(path: Path, *, beside: str | None = None) -> Path:
    """A product with 8x4 weights in float32, of an input that a table of int8 is added to."""
    weight = numpy_helper.from_array(np.zeros((8, 4), np.float32), "w")
    table = numpy_helper.from_array(np.zeros((5,), np.int8), "t")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], name="fc"),
        helper.make_node("Relu", ["t"], ["r"], name="relu"),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size))
        for name, size in (("x", 8), ("y", 4))
    )
    graph = helper.make_graph(nodes, "g", [x], [y], [weight, table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = {"save_as_external_data": True, "location": beside, "size_threshold": 64}
    onnx.save(model, str(path), **(options if beside else {}))
    return path


def test_weights_by_type(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.onnx")

    weights = (PeakTerm("float32", 4 * 32), PeakTerm("int8", 5))
    assert size_of(path) == FileSize(path.stat().st_size, weights)


def test_weights_beside_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "net.onnx", beside="net.data")
    data = tmp_path / "net.data"

    assert data.stat().st_size >= 128
    assert size_of(path).bytes == path.stat().st_size + data.stat().st_size
    data.unlink()
    assert size_of(path).missing == ("net.data",)
    assert run(["count", str(path), "--peak"]) == 0
    assert "NOT IN IT, as not there: net.data" in capsys.readouterr().out


def test_an_exported_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four filters of 27, five columns of 4, norms and biases in float32; an order, a counter."""
    path = tmp_path / "small.pt2"
    path.write_bytes(exported())
    size = size_of(path)

    assert size.bytes == path.stat().st_size
    assert {w.name: w.bytes for w in size.weights} == {
        "float32": 4 * (4 * 27 + 4 + 4 * 4 + 20 + 5),
        "int64": 8 * 5,
    }
    assert run(["count", str(path), "--peak"]) == 0
    assert f"on disk it takes {path.stat().st_size:,} bytes" in capsys.readouterr().out


def test_a_model_of_code_has_no_file() -> None:
    peak = sf.count(torch.nn.Linear(4, 2), (1, 4), peak=True).peak

    assert peak is not None
    assert peak.file is None
