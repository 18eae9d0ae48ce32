"""Graphs that no engine would run: each refused in one line that names the node and what it has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Options, resolve
from shufflenet_flops.sources.inputs import parse_input
from tests.cases.test_onnx_machine_learning import NODE, count, value, weight

Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
MICROSOFT = {"domain": "com.microsoft"}
IMAGE, ROWS = value("x", 1, 3, 8, 8), value("x", 2, 3)


@pytest.mark.parametrize(
    ("node", "weights", "said"),
    [
        (NODE("Conv", ["x", "w"], ["y"]), (weight("w", 4, 5, 3, 3),), "has 3 channels.*takes 5"),
        (NODE("Conv", ["x", "w"], ["y"], group=2), (weight("w", 4, 3, 3, 3),), "takes 6 in 2"),
        (NODE("Conv", ["x", "w"], ["y"], group=0), (weight("w", 4, 3, 3, 3),), "in 0 groups"),
        (NODE("ConvTranspose", ["x", "w"], ["y"]), (weight("w", 4, 3, 3, 3),), "takes 4"),
        (NODE("Attention", ["x"] * 3, ["y"], **MICROSOFT), (), "Attention lacks 'num_heads'"),
        (NODE("MatMulNBits", ["x", "w"], ["y"], **MICROSOFT), (weight("w", 4),), "lacks 'K'"),
        (
            NODE("CausalConvWithState", ["x"] * 5, ["y"]),
            (),
            "it takes 4 inputs, and has 5",
        ),
    ],
    ids="channels groups none transposed attention packed inputs".split(),
)
def test_a_node_that_does_not_fit(
    tmp_path: Path, node: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...], said: str
) -> None:
    with pytest.raises(InputError, match=f"its node .*{said}") as refused:
        count(tmp_path, [node], IMAGE, weights=weights, versions=(27, 3))
    assert "\n" not in str(refused.value)


def test_weights_of_other_features(tmp_path: Path) -> None:
    for op_type, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        weights = weight("w", 1, gates * 5, 7), weight("r", 1, gates * 5, 5)
        node = NODE(op_type, ["x", "w", "r"], ["y"], hidden_size=5)
        with pytest.raises(InputError, match="its input has 6 features"):
            count(tmp_path, [node], value("x", 2, 3, 6), weights=weights)


def test_less_than_nothing(tmp_path: Path) -> None:
    node = NODE("MoE", ["x", "s", "a", "", "b"], ["y"], k=-3, **MICROSOFT)
    weights = weight("a", 4, 6, 3), weight("b", 4, 3, 6)
    with pytest.raises(InputError, match="less than nothing"):
        count(tmp_path, [node], ROWS, value("s", 2, 4), weights=weights)


@pytest.mark.parametrize("most", [0, 1, 2**62, -1])
def test_more_tokens_than_anyone_hashes(tmp_path: Path, most: int) -> None:
    node = NODE("NGramHashMapping", ["x", "m", "v"], ["y"], max_ngram_size=most, **MICROSOFT)
    places = [helper.make_tensor(name, TensorProto.INT64, [2], [7, 7]) for name in "mv"]
    x = value("x", 2, 5, dtype=TensorProto.INT64)
    with pytest.raises(InputError, match="must be from 2 to 64"):
        count(tmp_path, [node], x, weights=tuple(places))


FAR = (2**63 - 1, -(2**63), 2**31, -(2**31), 9)


@pytest.mark.parametrize("axis", FAR)
@pytest.mark.parametrize(
    ("op_type", "setting", "others"),
    [
        ("LayerNormalization", "axis", ["w"]),
        ("GatherND", "batch_dims", ["i"]),
        ("Softmax", "axis", []),
        ("Gather", "axis", ["i"]),
        ("Concat", "axis", ["x"]),
        ("Flatten", "axis", []),
        ("Hardmax", "axis", []),
    ],
)
def test_axes_that_there_are_not(
    tmp_path: Path, op_type: str, setting: str, others: list[str], axis: int
) -> None:
    """ONNX's own inference takes the first two for places in memory."""
    node = NODE(op_type, ["x", *others], ["y"], **{setting: axis})
    places = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    with pytest.raises(InputError, match=f"its {setting} is {axis}, and its input has 4 axes"):
        count(tmp_path, [node], IMAGE, weights=(weight("w", 8), places))


def test_axes_that_say_nothing(tmp_path: Path) -> None:
    """One scale for one number, beside which exporters write the axis that is the default."""
    scale, zero = weight("s"), weight("z", dtype=np.int8)
    nodes = [
        NODE("QuantizeLinear", ["x", "s", "z"], ["q"], axis=1),
        NODE("DequantizeLinear", ["q", "s", "z"], ["y"], axis=1),
    ]
    for shape in ((), (3,), (2, 3)):
        counted = count(tmp_path, nodes, value("x", *shape), weights=(scale, zero))
        assert [row.output for row in counted.table.rows] == [shape, shape]


def test_more_scanned_than_there_is(tmp_path: Path) -> None:
    body = helper.make_graph([NODE("Relu", ["a"], ["b"])], "b", [value("a", 3)], [value("b", 3)])
    for number in (0, -1, 2, 2**62):
        node = NODE("Scan", ["x"], ["y"], body=body, num_scan_inputs=number)
        with pytest.raises(InputError, match="it has 1 inputs"):
            count(tmp_path, [node], ROWS)


EQUATIONS = ("...i...,j", "...i...j,jk->ik", "i.j,jk->ik", "ij,....->i", "é,j", "1j,jk->ik")


@pytest.mark.parametrize("equation", EQUATIONS)
def test_equations_on_which_onnx_does_not_end(tmp_path: Path, equation: str) -> None:
    """In a process of its own: what does not end within C++ cannot be interrupted."""
    node = NODE("Einsum", ["x", "x"], ["y"], equation=equation)
    graph = helper.make_graph([node], "g", [ROWS], [Y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    command = [sys.executable, "-m", "shufflenet_flops", "count", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "is no equation" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_indices_of_two_lengths(tmp_path: Path) -> None:
    node = NODE("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")
    with pytest.raises(InputError, match=r"its index j is 3 and 4 long"):
        count(tmp_path, [node], ROWS, weights=(weight("w", 4, 5),))
    stretched = count(tmp_path, [node], ROWS, weights=(weight("w", 1, 5),))
    assert stretched.table.macs == 2 * 3 * 5


def test_tensors_of_no_type(tmp_path: Path) -> None:
    for data_type in (0, 99):
        unknown = weight("w", 4, 3, 3, 3)
        unknown.data_type = data_type
        with pytest.raises(InputError, match="type") as refused:
            count(tmp_path, [NODE("Conv", ["x", "w"], ["y"])], IMAGE, weights=(unknown,))
        assert "KeyError" not in str(refused.value)


@pytest.mark.parametrize("version", [-5, 0, 28, 2**31, 2**40])
def test_versions_that_nobody_wrote(tmp_path: Path, version: int) -> None:
    """The latest is taken for them."""
    node = NODE("Conv", ["x", "w"], ["y"])
    counted = count(
        tmp_path, [node], IMAGE, weights=(weight("w", 4, 3, 3, 3),), versions=(version, 3)
    )
    assert counted.table.macs == 36 * 4 * 27


@pytest.mark.parametrize("size", [0, -1, -7])
def test_a_size_that_is_left_open(tmp_path: Path, size: int) -> None:
    """As exporters of old wrote it."""
    count(tmp_path, [NODE("Relu", ["x"], ["y"])], value("x", size, 3))
    path = str(tmp_path / "model.onnx")
    assert resolve(path, Options()).table.rows[0].output == (1, 3)
    options = Options(inputs=(parse_input("5x3"),))
    assert resolve(path, options).table.rows[0].output == (5, 3)


@pytest.mark.parametrize("constant", [False, True])
def test_a_sparse_weight(tmp_path: Path, constant: bool) -> None:
    """As engines have it when they run: whole."""
    held = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("places", TensorProto.INT64, [2], [0, 5])
    sparse = helper.make_sparse_tensor(held, places, [3, 4])
    nodes = [NODE("MatMul", ["x", "w"], ["y"])]
    if constant:
        nodes.insert(0, NODE("Constant", [], ["w"], sparse_value=sparse))
    graph = helper.make_graph(nodes, "g", [ROWS], [Y])
    if not constant:
        graph.sparse_initializer.append(sparse)
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    counted = resolve(str(path), Options()).counted

    assert counted.unknown_ops == {}
    assert counted.table.macs == 2 * 3 * 4
    assert counted.params == 12


def test_names_of_weights_that_no_file_has(tmp_path: Path) -> None:
    for name in ("a" * 5000, "nul\0l", "\x1b[31m"):
        outside = weight("w", 3, 4)
        outside.ClearField("raw_data")
        outside.data_location = TensorProto.EXTERNAL
        outside.external_data.add(key="location", value=name)
        count(tmp_path, [NODE("MatMul", ["x", "w"], ["y"])], ROWS, weights=(outside,))
        size = resolve(str(tmp_path / "model.onnx"), Options()).file_size

        assert size is not None
        assert size.missing == (name,)


def test_shapes_of_one_number(tmp_path: Path) -> None:
    """An empty list is a list of whole numbers to what is made here."""
    nodes = [
        NODE("ReduceSumInteger", ["x"], ["s"], axes=[0], keepdims=0, **MICROSOFT),
        NODE("Cast", ["s"], ["y"], to=TensorProto.FLOAT),
    ]
    counted = count(tmp_path, nodes, value("x", 3, dtype=TensorProto.INT8))
    assert counted.table.rows[-1].output == ()
    assert np.prod(counted.table.rows[0].inputs[0]) == 3


def test_sizes_that_cannot_become_others(tmp_path: Path) -> None:
    for sizes in ([4], [7, 1], [1, 0]):
        shape = helper.make_tensor("s", TensorProto.INT64, [len(sizes)], sizes)
        with pytest.raises(InputError, match=r"2x3 cannot become|do not fit"):
            count(tmp_path, [NODE("Reshape", ["x", "s"], ["y"])], ROWS, weights=(shape,))


def test_more_parts_than_there_are_names(tmp_path: Path) -> None:
    """For each of which ONNX's own inference would take memory."""
    for number in (2, 2**31, 2**62):
        node = NODE("Split", ["x"], ["y"], num_outputs=number)
        with pytest.raises(InputError, match=f"its num_outputs is {number}, and it has 1"):
            count(tmp_path, [node], ROWS)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    count(tmp_path, [NODE("Relu", ["x"], ["y"], name="zzzz")], ROWS)
    path = tmp_path / "model.onnx"
    path.write_bytes(path.read_bytes().replace(b"zzzz", b"\xff\xfe\x80\x81"))
    assert resolve(str(path), Options()).table.rows[0].path == "\ufffd" * 4
