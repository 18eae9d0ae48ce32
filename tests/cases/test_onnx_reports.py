"""ONNX files as people have them: what is counted, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Input, Options, parse_input, resolve
from shufflenet_flops.sources.source import Counted

FLOAT, INT64, INT8, UINT8 = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.INT8,
    TensorProto.UINT8,
)
NODE = helper.make_node


def value(name: str, *shape: int | str | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def array(name: str, of: Any, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(of, dtype), name)


def weight(name: str, *shape: int, dtype: Any = np.float32) -> onnx.TensorProto:
    return array(name, np.full(shape, 2), dtype)


def count(
    directory: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    weights: tuple[onnx.TensorProto, ...] = (),
    *,
    given: tuple[Input, ...] = (),
    output: onnx.ValueInfoProto | None = None,
    functions: tuple[onnx.FunctionProto, ...] = (),
) -> Counted:
    y = output or helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "test", inputs, [y], list(weights))
    domains = ("", 20), ("com.microsoft", 1), ("com.microsoft.nchwc", 1), ("own", 1)
    opsets = [helper.make_opsetid(*domain) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, functions=list(functions))
    path = directory / "model.onnx"
    path.write_bytes(model.SerializeToString())
    counted: Counted = resolve(str(path), Options(given)).counted
    return counted


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("ij->i", [(3, 4)], 0),
        ("ii->i", [(3, 3)], 0),
        ("bi,bi->bi", [(3, 4)] * 2, 0),
        ("i,j->ij", [(3,), (4,)], 0),
        ("bij,bjk->bik", [(2, 3, 4), (1, 4, 1)], 24),
        ("...ij,...jk->...ik", [(2, 3, 4, 5), (2, 3, 5, 6)], 2 * 3 * 4 * 5 * 6),
        ("ij,jk", [(2, 3), (3, 4)], 24),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)], 24 + 2 * 4 * 5),
    ],
)
def test_einsum(tmp_path: Path, equation: str, shapes: list[tuple[int, ...]], macs: int) -> None:
    """Only what two operands have in common and the result has not is a product."""
    names = [f"x{i}" for i in range(len(shapes))]
    inputs = [value(name, *shape) for name, shape in zip(names, shapes, strict=True)]
    counted = count(tmp_path, [NODE("Einsum", names, ["y"], equation=equation)], inputs)

    assert counted.table.macs == macs
    assert counted.unknown_ops == {}


def test_the_last_state_of_a_recurrence(tmp_path: Path) -> None:
    """Seven steps of three sequences: 4·6·(10 + 6) products each, though only the state is used."""
    weights = weight("w", 1, 24, 10), weight("r", 1, 24, 6)
    node = NODE("LSTM", ["x", "w", "r"], ["", "y"], hidden_size=6)

    assert count(tmp_path, [node], [value("x", 7, 3, 10)], weights).table.macs == 21 * 24 * 16


def test_paddle_writes_minus_one_for_a_batch(tmp_path: Path) -> None:
    """PaddlePaddle/Paddle2ONNX: the size is not known, neither in nor out."""
    node = NODE("Conv", ["x", "w"], ["y"])
    args = ([node], [value("x", -1, 3, 8, 8)], (weight("w", 4, 3, 3, 3),))

    assert count(tmp_path, *args, output=value("y", -1, 4, 6, 6)).table.macs == 36 * 4 * 27
    given = (Input((5, 3, 8, 8)),)
    assert count(tmp_path, *args, given=given).table.macs == 5 * 36 * 4 * 27


def test_a_name_on_an_output_that_is_another_size(tmp_path: Path) -> None:
    """The file says n for 6 rows and for 2·6 rows: what is worked out stands."""
    nodes = [NODE("Concat", ["x", "x"], ["c"], axis=0), NODE("MatMul", ["c", "w"], ["y"])]
    counted = count(
        tmp_path, nodes, [value("x", "n", 3)], (weight("w", 3, 5),),
        given=(Input((6, 3)),), output=value("y", "n", 5),
    )  # fmt: skip

    assert counted.table.macs == 12 * 3 * 5


def test_sizes_that_are_worked_out(tmp_path: Path) -> None:
    """Through Shape, Cast, Div, Floor, Mul, Slice, Concat and Pad: 8 of 16 columns are kept."""
    ints = {"two": [2], "zero": [0], "one": [1], "last": [1], "four": [4]}
    weights = [array(name, of, np.int64) for name, of in ints.items()]
    weights += [array("half", [0.5]), weight("w", 8, 5)]
    nodes = [
        NODE("Shape", ["x"], ["shape"]),
        NODE("Slice", ["shape", "one", "two", "zero"], ["columns"]),
        NODE("Cast", ["columns"], ["real"], to=FLOAT),
        NODE("Mul", ["real", "half"], ["halved"]),
        NODE("Floor", ["halved"], ["floor"]),
        NODE("Cast", ["floor"], ["end"], to=INT64),
        NODE("Slice", ["x", "zero", "end", "last"], ["left"]),
        NODE("Sub", ["columns", "end"], ["rest"]),
        NODE("Add", ["rest", "zero"], ["same"]),
        NODE("Div", ["same", "four"], ["quarter"]),
        NODE("Concat", ["four", "quarter", "four"], ["sizes"], axis=0),
        NODE("Reshape", ["left", "sizes"], ["cube"]),
        NODE("Reshape", ["cube", "back"], ["flat"]),
        NODE("MatMul", ["flat", "w"], ["y"]),
    ]
    weights.append(array("back", [-1, 8], np.int64))
    counted = count(tmp_path, nodes, [value("x", 4, 16)], tuple(weights))

    assert counted.table.macs == 4 * 8 * 5
    assert counted.unknown_ops == {}


def graph(name: str, nodes: list[onnx.NodeProto], *weights: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [], [value("r", None, None)], list(weights))


@pytest.mark.parametrize(("rows", "macs"), [(1, 1 * 3 * 5), (2, 2 * 3 * 7 + 2 * 7 * 7)])
def test_a_branch_that_shapes_decide(tmp_path: Path, rows: int, macs: int) -> None:
    """One row goes through one layer, more go through two; each has its weights."""
    then = graph("one", [NODE("MatMul", ["x", "w"], ["r"])], weight("w", 3, 5))
    nodes = [NODE("MatMul", ["x", "w"], ["t"]), NODE("MatMul", ["t", "v"], ["r"])]
    other = graph("two", nodes, weight("w", 3, 7), weight("v", 7, 7))
    nodes = [
        NODE("Shape", ["x"], ["shape"]),
        NODE("Gather", ["shape", "zero"], ["rows"]),
        NODE("Equal", ["rows", "one"], ["single"]),
        NODE("If", ["single"], ["y"], then_branch=then, else_branch=other),
    ]
    numbers = (array("zero", 0, np.int64), array("one", 1, np.int64))
    counted = count(tmp_path, nodes, [value("x", rows, 3)], numbers)

    assert counted.table.macs == macs
    assert counted.params == (15 if rows == 1 else 21 + 49)
    assert counted.unknown_ops == {}


def test_a_loop_whose_turns_are_known(tmp_path: Path) -> None:
    """Four turns of one layer, whose weight is one: 4·2·3·3 MACs and 9 parameters."""
    body = helper.make_graph(
        [
            NODE("Constant", [], ["v"], value=weight("v", 3, 3)),
            NODE("MatMul", ["state", "v"], ["next"]),
            NODE("Identity", ["going"], ["again"]),
        ],
        "body",
        [value("turn", dtype=INT64), value("going", dtype=TensorProto.BOOL), value("state", 2, 3)],
        [value("again", dtype=TensorProto.BOOL), value("next", 2, 3)],
    )
    node = NODE("Loop", ["four", "", "x"], ["y"], body=body)
    counted = count(tmp_path, [node], [value("x", 2, 3)], (array("four", 4, np.int64),))

    assert counted.table.macs == 4 * 2 * 3 * 3
    assert counted.params == 9
    assert counted.unknown_ops == {}


def test_a_loop_without_end_is_refused(tmp_path: Path) -> None:
    """With the most nodes that are counted."""
    body = helper.make_graph(
        [NODE("Identity", ["going"], ["again"]), NODE("Relu", ["state"], ["next"])],
        "body",
        [value("turn", dtype=INT64), value("going", dtype=TensorProto.BOOL), value("state", 2, 3)],
        [value("again", dtype=TensorProto.BOOL), value("next", 2, 3)],
    )
    inner = helper.make_graph(
        [NODE("Loop", ["many", "", "state"], ["next"], body=body)], "outer", list(body.input),
        [value("going", dtype=TensorProto.BOOL), value("next", 2, 3)],
    )  # fmt: skip
    node = NODE("Loop", ["many", "", "x"], ["y"], body=inner)

    with pytest.raises(InputError, match="comes to more than 20,000 nodes"):
        count(tmp_path, [node], [value("x", 2, 3)], (array("many", 2**62, np.int64),))


@pytest.mark.parametrize(
    "node",
    [
        NODE("Attention", ["x", "x", "x"], ["y"], q_num_heads=0, kv_num_heads=0),
        NODE("If", ["x"], []),
        NODE("Loop", ["", ""], []),
        NODE("Einsum", ["x"], ["y"], equation="ijklmn"),
        NODE("FusedConv", [], ["y"], domain="com.microsoft"),
        NODE("MatMulNBits", ["x"], ["y"], domain="com.microsoft"),
        NODE("Relu", ["nowhere"], ["y"]),
    ],
    ids=lambda node: node.op_type,
)
def test_malformed_nodes(tmp_path: Path, node: onnx.NodeProto) -> None:
    """One line of ours, or an operator that is listed; never another error."""
    message = ""
    try:
        unknown = count(tmp_path, [node], [value("x", 2, 3, 4)]).unknown_ops
    except InputError as error:
        message = str(error)
    assert message or unknown
    assert "\n" not in message


def test_functions_of_the_file(tmp_path: Path) -> None:
    """Each call does the work of its body: 2·(2·3·3)."""
    opsets = [helper.make_opsetid("", 20)]
    layer = helper.make_function(
        "own", "Layer", ["a", "b"], ["c"], [NODE("MatMul", ["a", "b"], ["c"])], opsets
    )
    nodes = [
        NODE("Layer", ["x", "w"], ["t"], domain="own"),
        NODE("Layer", ["t", "w"], ["y"], domain="own"),
    ]
    counted = count(tmp_path, nodes, [value("x", 2, 3)], (weight("w", 3, 3),), functions=(layer,))

    assert counted.table.macs == 36
    assert counted.unknown_ops == {}


def test_parameters_however_they_are_written(tmp_path: Path) -> None:
    """A weight in a Constant node, one of whole numbers, and one that is scaled back: 15 each."""
    x = [value("x", 2, 3)]
    constant = NODE("Constant", [], ["w"], value=weight("w", 3, 5))
    product = NODE("MatMul", ["x", "w"], ["y"])
    scaled = NODE("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1)
    narrow = (weight("q", 3, 5, dtype=np.int8), weight("s", 5), weight("z", 5, dtype=np.int8))
    whole = NODE("MatMulInteger", ["x", "q"], ["y"])

    assert count(tmp_path, [constant, product], x).params == 15
    assert count(tmp_path, [scaled, product], x, narrow).params == 15
    wide = [value("x", 2, 3, dtype=UINT8)]
    assert count(tmp_path, [whole], wide, narrow[:1]).params == 15


def test_a_product_of_weights_alone(tmp_path: Path) -> None:
    """A weight of low rank is put together in each run, as in the module: 16·4·8 + 3·8·16."""
    counted = count(
        tmp_path,
        [NODE("MatMul", ["down", "up"], ["w"]), NODE("MatMul", ["x", "w"], ["y"])],
        [value("x", 3, 8)],
        (weight("down", 8, 4), weight("up", 4, 16)),
    )
    assert counted.table.macs == 4 * 8 * 16 + 3 * 8 * 16
    assert counted.params == 8 * 4 + 4 * 16


def test_a_mask_is_no_parameter(tmp_path: Path) -> None:
    """Zeros and numbers that a softmax never lets through."""
    mask = array("m", np.triu(np.full((4, 4), -np.inf), 1))
    node = NODE("Add", ["x", "m"], ["y"])

    assert count(tmp_path, [node], [value("x", 4, 4)], (mask,)).params == 0
    assert count(tmp_path, [node], [value("x", 4, 4)], (weight("m", 4, 4),)).params == 16


CONV = 36 * 4 * 27


@pytest.mark.parametrize(
    ("node", "weights", "macs"),
    [
        (NODE("FusedConv", ["x", "w", "b"], ["y"], activation="Relu"), "wb", CONV),
        (NODE("FusedConv", ["x", "w", "b", "z"], ["y"], activation="Relu"), "wbz", CONV),
        (NODE("Conv", ["x", "w", "b"], ["y"], domain="com.microsoft.nchwc"), "wb", CONV),
        (NODE("QGemm", ["a", "s", "z8", "q", "s", "z8"], ["y"]), "szq", 2 * 3 * 5),
        (NODE("FusedMatMul", ["a", "t"], ["y"], transB=1), "t", 2 * 3 * 5),
        (NODE("FusedMatMul", ["a", "v"], ["y"], alpha=0.5), "v", 2 * 3 * 5),
        (NODE("FusedGemm", ["a", "v"], ["y"], activation="Relu"), "v", 2 * 3 * 5),
        (NODE("DynamicQuantizeMatMul", ["a", "q", "s"], ["y"]), "qs", 2 * 3 * 5),
        (NODE("MatMulNBits", ["a", "p", "s"], ["y"], K=3, N=5, bits=4, block_size=16), "ps", 30),
        (NODE("SkipLayerNormalization", ["a", "a", "g", "g"], ["y"]), "g", 0),
    ],
    ids="conv sum blocked qgemm transposed product gemm dynamic packed norm".split(),
)
def test_operators_of_onnx_runtime(
    tmp_path: Path, node: onnx.NodeProto, weights: str, macs: int
) -> None:
    """microsoft/onnxruntime: a fused convolution is a convolution."""
    node.domain = node.domain or "com.microsoft"
    all_weights = (
        weight("w", 4, 3, 3, 3), weight("b", 4), weight("z", 1, 4, 6, 6), weight("t", 5, 3),
        weight("v", 3, 5), weight("q", 3, 5, dtype=np.int8), array("s", 1.0),
        array("z8", 0, np.int8), weight("g", 3), weight("p", 5, 1, 8, dtype=np.uint8),
    )  # fmt: skip
    inputs = [value("x", 1, 3, 8, 8), value("a", 2, 3)]
    counted = count(tmp_path, [node], inputs, all_weights)

    assert counted.table.macs == macs
    assert counted.unknown_ops == {}
    assert counted.table.rows


def test_channels_that_fill_a_block(tmp_path: Path) -> None:
    """onnxruntime writes 12 channels as 16, with zeros: one product per real channel and input.

    The first convolution has 16 inputs in blocks of 8; the second, depthwise, ends the blocks.
    """
    first = np.ones((2, 2, 1, 8, 8), np.float32)  # blocks out, blocks in, place, in, out
    first[1, ..., 4:] = 0
    deep = np.ones((2, 9, 8), np.float32)
    deep[1, :, 4:] = 0
    weights = (
        array("w", first.reshape(16, 16, 1, 1)), array("d", deep.reshape(16, 1, 3, 3)),
    )  # fmt: skip
    nodes = [
        NODE("ReorderInput", ["x"], ["b"]),
        NODE("Conv", ["b", "w"], ["t"]),
        NODE("Conv", ["t", "d"], ["u"], group=16),
        NODE("ReorderOutput", ["u"], ["y"], channels=12),
    ]
    for node in nodes:
        node.domain = "com.microsoft.nchwc"
    counted = count(tmp_path, nodes, [value("x", 1, 16, 8, 8)], weights)

    assert counted.table.macs == 64 * 16 * 12 + 36 * 12 * 9
    assert counted.params == 16 * 12 + 12 * 9
    assert counted.unknown_ops == {}


def test_a_clip_within_a_convolution(tmp_path: Path) -> None:
    """From 0 to 6 it is a ReLU6: an activation of each of the 4·36 outputs."""
    node = NODE(
        "FusedConv", ["x", "w"], ["y"], domain="com.microsoft", activation="Clip",
        activation_params=[0.0, 6.0],
    )  # fmt: skip
    counted = count(tmp_path, [node], [value("x", 1, 3, 8, 8)], (weight("w", 4, 3, 3, 3),))

    assert counted.table.macs == CONV
    assert [row.op for row in counted.table.rows] == ["conv2d", "relu6"]


def test_an_input_without_axes(tmp_path: Path) -> None:
    """`--input scalar` beside another."""
    node = NODE("Mul", ["x", "s"], ["y"])
    given = (parse_input("2x3"), parse_input("scalar"))
    counted = count(tmp_path, [node], [value("x", "n", 3), value("s")], given=given)

    assert [row.output for row in counted.table.rows] == [(2, 3)]
    assert str(parse_input("scalar:int64")) == "scalar:int64"


def test_attention(tmp_path: Path) -> None:
    """Two heads of 4 over 5 queries and 7 keys, in a batch of 3: scores, and the weighted sum."""
    model = [NODE("Attention", ["q", "k", "v"], ["y"], q_num_heads=2, kv_num_heads=2)]
    inputs = [value("q", 3, 5, 8), value("k", 3, 7, 8), value("v", 3, 7, 8)]

    assert count(tmp_path, model, inputs).table.macs == 3 * 2 * 5 * 7 * (4 + 4)


def test_a_shape_that_values_decide_is_said_to_be_one(tmp_path: Path) -> None:
    """And one that an operator of somebody's own leaves open is not."""
    nodes = [NODE("NonZero", ["x"], ["i"]), NODE("Cast", ["i"], ["y"], to=FLOAT)]
    unknown = count(tmp_path, nodes, [value("x", 3, 3)]).unknown_ops
    assert "Cast on a shape that depends on values" in unknown

    nodes = [NODE("Magic", ["x"], ["m"], domain="own"), NODE("Relu", ["m"], ["y"])]
    unknown = count(tmp_path, nodes, [value("x", 3, 3)]).unknown_ops
    assert unknown == {"own.Magic": 1, "Relu on a shape that own.Magic does not tell": 1}


def test_long_ranges_are_only_shapes(tmp_path: Path) -> None:
    """30 million numbers from a file of a hundred bytes are not made."""
    numbers = (array("a", 0, np.int64), array("n", 30_000_000, np.int64), array("d", 1, np.int64))
    nodes = [
        NODE("Range", ["a", "n", "d"], ["r"]),
        NODE("Cast", ["r"], ["f"], to=FLOAT),
        NODE("Add", ["f", "x"], ["y"]),
    ]
    counted = count(tmp_path, nodes, [value("x", 1)], numbers)

    assert [row.output for row in counted.table.rows] == [(30_000_000,)]
