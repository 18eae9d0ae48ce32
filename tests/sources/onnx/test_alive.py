"""What is alive when in a graph, by hand, in floating point and in int8."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

import shufflenet_flops as sf
from shufflenet_flops.peak.result import PeakResult

INT8, FLOAT = TensorProto.INT8, TensorProto.FLOAT
X = (1, 4, 8, 8)


def saved(path: Path, nodes: list[Any], constants: Mapping[str, Any], y: Any) -> str:
    """A graph from `x` to `y`, with constants of zeros by type and shape."""
    held = [
        helper.make_tensor(name, dtype, shape, bytes(_bytes(dtype, shape)), raw=True)
        for name, (dtype, shape) in constants.items()
    ]
    x = helper.make_tensor_value_info("x", FLOAT, X)
    out = helper.make_tensor_value_info("y", FLOAT, y)
    graph = helper.make_graph(nodes, "g", [x], [out], held)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return str(path)


def _bytes(dtype: int, shape: tuple[int, ...]) -> int:
    size = 4 if dtype in (FLOAT, TensorProto.INT32) else 1
    for axis in shape:
        size *= axis
    return size


def node(op: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(), [output], name=output, **attributes)


def peak_of(path: str) -> PeakResult:
    peak = sf.count(path, peak=True).peak
    assert peak is not None
    return peak


WEIGHT = (8, 4, 3, 3)
FLOAT_NODES = [
    node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
    node("Relu", "a", "b"),
    node("Reshape", "b shape", "c"),  # a view: `b` lives as long
    node("Exp", "c", "y"),
]


def test_each_value_lives_to_its_last_reader(tmp_path: Path) -> None:
    """8 maps of 8 x 8 are 2,048 bytes; the convolution's and the relu's, then the relu's and y."""
    path = saved(tmp_path / "float.onnx", FLOAT_NODES, {"w": (FLOAT, WEIGHT)}, (1, 512))
    model = onnx.load(path)
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, 512])
    model.graph.initializer.append(shape)
    onnx.save(model, path)
    peak = peak_of(path)

    assert {term.name: term.bytes for term in peak.terms} == {
        "parameters": 4 * 8 * 4 * 9 + 16,
        "inputs": 4 * 4 * 64,
        "activations": 2 * 2048,
    }
    assert [(one.op, one.shape) for one in peak.inference.alive] == [
        ("conv2d", (1, 8, 8, 8)),
        ("relu", (1, 8, 8, 8)),
    ]
    assert [moment.op for moment in peak.inference.timeline] == ["conv2d", "relu", "exp"]
    first, *later = [moment.bytes for moment in peak.inference.timeline]
    assert [size - first for size in later] == [2048, 2048]
    assert peak.kernels == ""


SCALES = {"s": (FLOAT, ()), "z": (INT8, ()), "ws": (FLOAT, ()), "wz": (INT8, ())}


def quantised(folder: Path, form: str) -> str:
    """A convolution in int8: by nodes that quantise around it, or as one operator."""
    if form == "QDQ":
        nodes = [
            node("QuantizeLinear", "x s z", "q"),
            node("DequantizeLinear", "q s z", "f"),
            node("DequantizeLinear", "w ws wz", "wf"),
            node("Conv", "f wf", "a", pads=[1, 1, 1, 1]),
            node("QuantizeLinear", "a s z", "b"),
            node("DequantizeLinear", "b s z", "y"),
        ]
    else:
        nodes = [
            node("QuantizeLinear", "x s z", "q"),
            node("QLinearConv", "q s z w ws wz s z", "b", pads=[1, 1, 1, 1]),
            node("DequantizeLinear", "b s z", "y"),
        ]
    path = folder / f"{form}.onnx"
    return saved(path, nodes, {"w": (INT8, WEIGHT), **SCALES}, (1, 8, 8, 8))


@pytest.mark.parametrize(
    ("form", "activations"),
    [
        ("QDQ", 1024 + 2048),  # x as floats once more, and the result
        ("QOperator", 512 + 2048),  # the result in int8, and y in floats
    ],
)
def test_int8_has_the_macs_of_floats_and_its_own_bytes(
    tmp_path: Path, form: str, activations: int
) -> None:
    """64 positions of 8 x 36 weights, which take a byte each, with two scales and two zeros."""
    path = quantised(tmp_path, form)
    counted = sf.count(path)
    terms = {term.name: term.bytes for term in peak_of(path).terms}

    assert counted.macs == 64 * 8 * 36
    assert counted.params == 8 * 36
    assert terms == {"parameters": 8 * 36 + 10, "inputs": 1024, "activations": activations}


def test_int8_moves_fewer_bytes(tmp_path: Path) -> None:
    """One operator reads and writes bytes; around the other, each value is written as floats."""
    qdq, operator = (sf.count(quantised(tmp_path, form)) for form in ("QDQ", "QOperator"))
    (conv,) = (row for row in operator.table.rows if row.macs)

    assert (conv.read_bytes, conv.write_bytes) == (4 * 64 + 8 * 36, 8 * 64)
    assert operator.memory_bytes < qdq.memory_bytes


def test_a_shape_that_nobody_knows_makes_it_the_least(tmp_path: Path) -> None:
    nodes = [node("NonZero", "x", "n"), node("Exp", "x", "y")]
    peak = peak_of(saved(tmp_path / "n.onnx", nodes, {}, X))

    assert len(peak.not_known_for) == 1
    assert peak.not_known_for[0].startswith("n of ")


def test_the_table_says_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from shufflenet_flops.cli.app import run

    path = quantised(tmp_path, "QOperator")
    assert run(["count", path, "--peak"]) == 0
    out = capsys.readouterr().out
    assert "in the order of the file" in out
    assert "allocator" not in out
