"""Operators that ONNX Runtime's optimiser of transformers and diffusion models writes, by hand.

microsoft/onnxruntime, ContribOperators.md: keys and values come in several packings, and earlier
ones beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from shufflenet_flops.sources import resolve
from shufflenet_flops.sources.source import Counted
from tests.cases.test_onnx_reports import FLOAT, array, value, weight


def node(op_type: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """One of ONNX Runtime's; "-" is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op_type, names, outputs.split(), domain="com.microsoft", **attributes)


def count(
    directory: Path,
    made: onnx.NodeProto,
    inputs: dict[str, tuple[int, ...]],
    opset: int,
    weights: tuple[onnx.TensorProto, ...] = (),
) -> Counted:
    values = [value(name, *shape) for name, shape in inputs.items()]
    outputs = [helper.make_tensor_value_info(made.output[0], FLOAT, None)]
    graph = helper.make_graph([made], "test", values, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    path = directory / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    counted: Counted = resolve(str(path)).counted
    return counted


Q, K = (3, 5, 8), (3, 7, 8)
# Two heads of 4 for 5 queries and 7 keys, in a batch of 3: scores, and the weighted sum.
CROSS, OWN = 3 * 2 * 5 * 7 * (4 + 4), 3 * 2 * 5 * 5 * (4 + 4)


@pytest.mark.parametrize("opset", [11, 17, 21])
@pytest.mark.parametrize(
    ("made", "inputs", "macs"),
    [
        (node("MultiHeadAttention", "q k v", num_heads=2), {"q": Q, "k": K, "v": K}, CROSS),
        (
            node("MultiHeadAttention", "q k v", num_heads=2),
            {"q": Q, "k": (3, 2, 7, 4), "v": (3, 2, 7, 4)},
            CROSS,
        ),
        (node("MultiHeadAttention", "q k", num_heads=2), {"q": Q, "k": (3, 7, 2, 2, 4)}, CROSS),
        (node("MultiHeadAttention", "q", num_heads=2), {"q": (3, 5, 2, 3, 4)}, OWN),
        (
            node("MultiHeadAttention", "q k v - - - p p", num_heads=2),
            {"q": (3, 1, 8), "k": (3, 1, 8), "v": (3, 1, 8), "p": (3, 2, 6, 4)},
            3 * 2 * 1 * 7 * (4 + 4),
        ),
        # Four heads of 8 for queries, and two that they share for keys and values.
        (
            node("GroupQueryAttention", "q", num_heads=4, kv_num_heads=2),
            {"q": (1, 5, (4 + 2 + 2) * 8)},
            4 * 5 * 5 * (8 + 8),
        ),
        (
            node("GroupQueryAttention", "q k k p p", num_heads=4, kv_num_heads=2),
            {"q": (1, 1, 32), "k": (1, 1, 16), "p": (1, 2, 6, 8)},
            4 * 1 * 7 * (8 + 8),
        ),
        (
            node("Attention", "x w b", num_heads=2),
            {"x": Q},
            3 * 5 * 8 * 24 + OWN,
        ),
        (
            node("Attention", "x w b - p", "y present", num_heads=2),
            {"x": (3, 1, 8), "p": (2, 3, 2, 6, 4)},
            3 * 1 * 8 * 24 + 3 * 2 * 1 * 7 * (4 + 4),
        ),
    ],
    ids="plain heads kv qkv past shared shared_past own own_past".split(),
)
def test_attention_however_it_is_packed(
    tmp_path: Path, made: onnx.NodeProto, inputs: dict[str, Any], macs: int, opset: int
) -> None:
    weights = (weight("w", 8, 24), weight("b", 24)) if made.op_type == "Attention" else ()
    counted = count(tmp_path, made, inputs, opset, weights)

    assert counted.table.macs == macs
    assert counted.unknown_ops == {}


@pytest.mark.parametrize(
    ("made", "macs", "output", "ops"),
    [
        (
            node("NhwcConv", "x w b", kernel_shape=[3, 3], pads=[1] * 4),
            16 * 8 * 4 * 9,
            (1, 8, 4, 4),
            ["conv2d"],
        ),
        (
            node("GroupNorm", "x g g", groups=2, activation=1),
            0,
            (1, 4, 4, 4),
            ["group_norm", "silu"],
        ),
        (
            node("SkipGroupNorm", "x g g x", groups=2, activation=0),
            0,
            (1, 4, 4, 4),
            ["add", "group_norm"],
        ),
        (node("BiasAdd", "x g x"), 0, (1, 4, 4, 4), ["add", "add"]),
        (node("BiasSplitGelu", "x g"), 0, (1, 4, 4, 2), ["add", "gelu", "mul"]),
        (node("BiasSoftmax", "x g", axis=3), 0, (1, 4, 4, 4), ["add", "softmax"]),
    ],
    ids="conv norm sum bias gelu softmax".split(),
)
def test_operators_of_diffusion_models(
    tmp_path: Path, made: onnx.NodeProto, macs: int, output: tuple[int, ...], ops: list[str]
) -> None:
    """Images of 4x4 with 4 channels, which come last; a weight has them last too."""
    weights = (weight("w", 8, 3, 3, 4), weight("b", 8), weight("g", 4))
    counted = count(tmp_path, made, {"x": (1, 4, 4, 4)}, 17, weights)
    rows = [row for row in counted.table.rows if row.op != "permute"]

    assert counted.table.macs == macs
    assert counted.unknown_ops == {}
    assert [row.op for row in rows][: len(ops)] == ops
    assert counted.table.rows[-1].output == output


def test_a_rotary_embedding(tmp_path: Path) -> None:
    """Each of the 2·5·8 numbers by a cosine, its partner by a sine, and their sum."""
    made = node("RotaryEmbedding", "x p c c", num_heads=2)
    caches = (weight("c", 16, 2), array("p", [[0, 1, 2, 3, 4]] * 2, "int64"))
    counted = count(tmp_path, made, {"x": (2, 5, 8)}, 17, caches)

    assert counted.unknown_ops == {}
    assert [(row.op, row.output) for row in counted.table.rows] == [("rotary_embedding", (2, 5, 8))]


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes", "op"),
    [
        ("LRN", "x", {"size": 3}, "local_response_norm"),
        ("LpPool", "x", {"kernel_shape": [2, 2]}, "lp_pool"),
        ("GlobalLpPool", "x", {}, "lp_pool"),
        ("RoiAlign", "x r i", {"output_height": 2, "output_width": 2}, "roi_align"),
        ("Hardmax", "x", {}, "argmax"),
        ("Shrink", "x", {}, "hardshrink"),
        ("RandomNormalLike", "x", {}, "randn_like"),
    ],
)
def test_operators_of_older_networks(
    tmp_path: Path, op_type: str, inputs: str, attributes: dict[str, Any], op: str
) -> None:
    """They have work, and no multiply-accumulates."""
    made = helper.make_node(op_type, inputs.split(), ["y"], **attributes)
    weights = (weight("r", 3, 4), array("i", [0, 0, 0], "int64"))
    counted = count(tmp_path, made, {"x": (1, 4, 6, 6)}, 17, weights)

    assert counted.unknown_ops == {}
    assert counted.table.macs == 0
    assert [row.op for row in counted.table.rows] == [op]
