"""Another batch for a graph: one that it leaves free, and one that it gives as a number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def saved(
    path: Path,
    batch: Any,
    *,
    flat: tuple[int, ...] = (-1, 36),
    other: tuple[Any, ...] | None = None,
) -> str:
    """A convolution of 1x5x5 images to 4x3x3, made flat, and a layer to 2: 324 and 72 MACs each."""
    constants = [
        helper.make_tensor("w", FLOAT, (4, 1, 3, 3), [0.0] * 36),
        helper.make_tensor("v", FLOAT, (36, 2), [0.0] * 72),
        helper.make_tensor("flat", INT64, (len(flat),), flat),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Reshape", ["a", "flat"], ["b"], name="flatten"),
        helper.make_node("MatMul", ["b", "v"], ["y"], name="fc"),
    ]
    inputs = [helper.make_tensor_value_info("x", FLOAT, (batch, 1, 5, 5))]
    if other is not None:
        inputs.append(helper.make_tensor_value_info("z", FLOAT, other))
        nodes.append(helper.make_node("Relu", ["z"], ["r"], name="relu"))
    outputs = [helper.make_tensor_value_info("y", FLOAT, (batch, 2))]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    graph.value_info.append(helper.make_tensor_value_info("a", FLOAT, (batch, 4, 3, 3)))
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return str(path)


BATCHES = pytest.mark.parametrize("declared", ["N", None, 1, 2])


@BATCHES
def test_every_sample_costs_the_same(tmp_path: Path, declared: Any) -> None:
    counted = sf.count(saved(tmp_path / "net.onnx", declared), batch=6)

    assert counted.result.inputs == ("6x1x5x5",)
    assert counted.macs == 6 * (324 + 72)
    assert counted.activations == 6 * (36 + 2)


@BATCHES
def test_the_command_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], declared: Any
) -> None:
    """Four float32 maps of 3x3 for each sample, which are 144 bytes, and an input of 100."""
    path = saved(tmp_path / "net.onnx", declared)
    assert (
        run(["count", path, "--batch", "3", "--peak", "--limit", "2 kB", "--format", "json"]) == 0
    )
    peak = json.loads(capsys.readouterr().out)["results"][0]["peak"]

    parameters = 4 * (36 + 72) + 16
    assert peak["inference_bytes"] == parameters + 3 * (100 + 144 + 8)
    assert peak["fit"]["batch"] == (2000 - parameters) // (100 + 144 + 8)


def test_inputs_without_the_batch_stay(tmp_path: Path) -> None:
    named = saved(tmp_path / "named.onnx", "N", other=(7, 2))
    both = saved(tmp_path / "both.onnx", "N", other=("N", 2))
    fixed = saved(tmp_path / "fixed.onnx", 1, other=(1, 7))

    assert sf.count(named, batch=4).result.inputs == ("4x1x5x5", "7x2")
    assert sf.count(both, batch=4).result.inputs == ("4x1x5x5", "4x2")
    assert sf.count(fixed, batch=4).result.inputs == ("4x1x5x5", "4x7")


def test_a_batch_within_the_graph_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It makes all samples flat as if they were one."""
    path = saved(tmp_path / "net.onnx", 1, flat=(1, 36))
    assert run(["count", path, "--batch", "8"]) == 2
    (line,) = capsys.readouterr().err.splitlines()

    assert "net.onnx: --batch 8: nodes of its graph hold for a batch of 1 alone" in line
    assert "dynamic_shapes" in line
    assert sf.count(path, batch=1).macs == 324 + 72


def test_a_graph_without_a_first_size_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Exp", ["x"], ["y"], name="exp")]
    ends = [helper.make_tensor_value_info(name, FLOAT, ()) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    path = str(tmp_path / "scalar.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)

    with pytest.raises(sf.ShufflenetFlopsError, match="no input of the graph has a first size"):
        sf.count(path, batch=2)


def test_an_input_of_another_batch_is_pointed_to_the_option(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.onnx", 1)

    with pytest.raises(sf.ShufflenetFlopsError, match="x is 1x1x5x5:float32: --batch 3 replaces"):
        sf.count(path, (3, 1, 5, 5))
