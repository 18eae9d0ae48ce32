"""Sequences of tensors in ONNX files: what is done with their tensors is counted, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Options, resolve
from shufflenet_flops.sources.source import Counted

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
NODE = helper.make_node


def value(name: str, *shape: int | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def number(name: str, *values: int) -> onnx.NodeProto:
    """One number without axes, or several."""
    named = {"value_int": values[0]} if len(values) == 1 else {"value_ints": list(values)}
    return NODE("Constant", [], [name], **named)


def count(
    directory: Path, nodes: list[onnx.NodeProto], *inputs: onnx.ValueInfoProto, version: int = 20
) -> Counted:
    weight = onnx.numpy_helper.from_array(np.full((6, 5), 2, np.float32), "w")
    y = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "test", list(inputs) or [value("x", 4, 6)], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    path = directory / "model.onnx"
    path.write_bytes(model.SerializeToString())
    counted: Counted = resolve(str(path), Options()).counted
    return counted


@pytest.mark.parametrize("version", [11, 13, 20])
@pytest.mark.parametrize(
    ("split", "rows"),
    [([], 1), ([number("n", 3)], 3), ([number("n", 1, 3)], 1), ([number("n", 2)], 2)],
    ids=["each", "3 and 1", "1 and 3", "2 and 2"],
)
def test_a_tensor_in_parts(
    tmp_path: Path, version: int, split: list[onnx.NodeProto], rows: int
) -> None:
    """The first part of (4, 6) meets a weight of 6 by 5; nothing else is done."""
    if version < 12:
        split = [
            NODE("Constant", [], ["n"], value=onnx.numpy_helper.from_array(np.array(numbers)))
            for node in split
            for numbers in [onnx.helper.get_attribute_value(node.attribute[0])]
        ]
    nodes = [
        *split,
        NODE("SplitToSequence", ["x", *(["n"] if split else [])], ["s"], axis=0),
        NODE("Constant", [], ["i"], value=onnx.numpy_helper.from_array(np.array(0))),
        NODE("SequenceAt", ["s", "i"], ["part"]),
        NODE("MatMul", ["part", "w"], ["y"]),
    ]
    counted = count(tmp_path, nodes, version=version)

    assert counted.unknown_ops == {}
    assert [(row.output, row.macs) for row in counted.table.rows] == [((rows, 5), rows * 6 * 5)]


@pytest.mark.parametrize("version", [11, 20])
def test_parts_without_their_axis(tmp_path: Path, version: int) -> None:
    """Vectors of 6 each, put together again along a new axis: 4 by 6 numbers are moved."""
    nodes = [
        NODE("SplitToSequence", ["x"], ["s"], axis=0, keepdims=0),
        NODE("ConcatFromSequence", ["s"], ["y"], axis=0, new_axis=1),
    ]
    counted = count(tmp_path, nodes, version=version)

    assert counted.unknown_ops == {}
    assert [(row.op, row.output) for row in counted.table.rows] == [("cat", (4, 6))]


def test_a_sequence_that_changes(tmp_path: Path) -> None:
    """x, x·w; x erased; x·w twice; the second of three, of 4 by 5, and how many there are."""
    nodes = [
        NODE("MatMul", ["x", "w"], ["z"]),
        NODE("SequenceEmpty", [], ["none"]),
        NODE("SequenceInsert", ["none", "x"], ["one"]),
        NODE("SequenceInsert", ["one", "z"], ["two"]),
        number("first", 0),
        NODE("SequenceErase", ["two", "first"], ["z alone"]),
        NODE("SequenceInsert", ["z alone", "x", "first"], ["x z"]),
        number("last", -1),
        NODE("SequenceAt", ["x z", "last"], ["again"]),
        NODE("SequenceLength", ["x z"], ["length"]),
        NODE("Cast", ["length"], ["as float"], to=FLOAT),
        NODE("Mul", ["again", "as float"], ["y"]),
    ]
    counted = count(tmp_path, nodes)

    assert counted.unknown_ops == {}
    assert [(row.op, row.output) for row in counted.table.rows] == [
        ("linear", (4, 5)),
        ("mul", (4, 5)),
    ]


def test_a_sequence_in_a_branch_and_a_loop(tmp_path: Path) -> None:
    """Three turns each put a row of 4 by 5 in; together they are 12 by 5."""
    turn, going, seq = (
        helper.make_tensor_value_info("turn", INT64, []),
        helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        helper.make_tensor_sequence_value_info("before", FLOAT, None),
    )
    after = helper.make_tensor_sequence_value_info("after", FLOAT, None)
    body = helper.make_graph(
        [
            NODE("Identity", ["going"], ["goes on"]),
            NODE("MatMul", ["x", "w"], ["made"]),
            NODE("SequenceInsert", ["before", "made"], ["after"]),
        ],
        "body",
        [turn, going, seq],
        [helper.make_tensor_value_info("goes on", TensorProto.BOOL, []), after],
    )
    nodes = [
        NODE("SequenceEmpty", [], ["none"]),
        number("turns", 3),
        NODE("Loop", ["turns", "", "none"], ["all"], body=body),
        NODE("ConcatFromSequence", ["all"], ["y"], axis=0),
    ]
    counted = count(tmp_path, nodes)

    assert counted.unknown_ops == {}
    assert counted.table.macs == 3 * 4 * 6 * 5
    assert counted.table.rows[-1].output == (12, 5)


def test_every_tensor_of_a_sequence(tmp_path: Path) -> None:
    """Two parts of 2 by 6, each by the weight."""
    body = helper.make_graph(
        [NODE("MatMul", ["part", "w"], ["made"])], "body", [value("part", 2, 6)], [value("made")]
    )
    nodes = [
        number("n", 2),
        NODE("SplitToSequence", ["x", "n"], ["s"], axis=0),
        NODE("SequenceMap", ["s"], ["t"], body=body),
        NODE("ConcatFromSequence", ["t"], ["y"], axis=1),
    ]
    counted = count(tmp_path, nodes)

    assert counted.unknown_ops == {}
    assert counted.table.macs == 2 * (2 * 6 * 5)
    assert counted.table.rows[-1].output == (2, 10)


@pytest.mark.parametrize(
    ("others", "unknown"),
    [((4, 6), {}), ((3, 6), {"MatMul on a shape that depends on values": 1})],
    ids=["all alike", "of two sizes"],
)
def test_a_position_that_values_decide(
    tmp_path: Path, others: tuple[int, int], unknown: dict[str, int]
) -> None:
    """Of tensors that are all alike any will do; of others the shape is not known."""
    nodes = [
        NODE("SequenceConstruct", ["x", "z"], ["s"]),
        NODE("SequenceAt", ["s", "i"], ["part"]),
        NODE("MatMul", ["part", "w"], ["y"]),
    ]
    inputs = value("x", 4, 6), value("z", *others), value("i", dtype=INT64)

    assert count(tmp_path, nodes, *inputs).unknown_ops == unknown


def test_a_turn_of_a_loop_before_version_13(tmp_path: Path) -> None:
    """What every turn gives is stacked: Unsqueeze has its axes as an attribute there."""
    body = helper.make_graph(
        [NODE("Identity", ["going"], ["goes on"]), NODE("MatMul", ["x", "w"], ["made"])],
        "body",
        [
            helper.make_tensor_value_info("turn", INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("goes on", TensorProto.BOOL, []), value("made", 4, 5)],
    )
    turns = NODE("Constant", [], ["n"], value=onnx.numpy_helper.from_array(np.array(2)))
    counted = count(tmp_path, [turns, NODE("Loop", ["n", ""], ["y"], body=body)], version=11)

    assert counted.unknown_ops == {}
    assert counted.table.rows[-1].output == (2, 4, 5)


def test_a_sequence_without_end_is_refused(tmp_path: Path) -> None:
    """A tensor for each of a billion rows would fill the memory."""
    nodes = [
        NODE("SplitToSequence", ["x"], ["s"], axis=0),
        NODE("ConcatFromSequence", ["s"], ["y"], axis=0),
    ]
    with pytest.raises(InputError, match="comes to more than 20,000 tensors"):
        count(tmp_path, nodes, value("x", 1_000_000_000))
