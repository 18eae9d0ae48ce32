"""Layers that only ONNX Runtime has, and what no file tells: each with its sentence."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from shufflenet_flops.report.view.count import caveats
from shufflenet_flops.sources import Options, resolve
from shufflenet_flops.trace.strangers import UNSEEN
from tests.cases.test_onnx_machine_learning import NODE, count, totals, value, weight

MICROSOFT = {"domain": "com.microsoft"}
LEARNING = {"domain": "ai.onnx.ml"}
INT32, INT64 = TensorProto.INT32, TensorProto.INT64
# Three sequences of 3, 2 and 5 tokens.
ENDS = helper.make_tensor("ends", INT32, [4], [0, 3, 5, 10])
PLACES = helper.make_tensor("places", INT32, [3, 5], [0] * 15)
PACKED = {"num_heads": 2, **MICROSOFT}


@pytest.mark.parametrize("axes", [1, 2])
def test_spectra_and_back(tmp_path: Path, axes: int) -> None:
    """6 signals of 16 points take 4 halvings, of 8 x 16 points 3 + 4: 5 / 2 of each point's."""
    sizes = (2, 3, 16) if axes == 1 else (2, 3, 8, 16)
    halvings = 6 * 16 * 4 if axes == 1 else 6 * 8 * 16 * (3 + 4)
    nodes = [
        NODE("Rfft", ["x"], ["f"], signal_ndim=axes, onesided=1, **MICROSOFT),
        NODE("Irfft", ["f"], ["y"], signal_ndim=axes, onesided=1, **MICROSOFT),
    ]
    found = count(tmp_path, nodes, value("x", *sizes))

    assert found.unknown_ops == {}
    assert [row.output for row in found.table.rows] == [(*sizes[:-1], 9, 2), sizes]
    assert [sum(row.counts.values()) for row in found.table.rows] == [halvings * 5 // 2] * 2


@pytest.mark.parametrize("known", [True, False])
def test_sequences_one_after_another(tmp_path: Path, known: bool) -> None:
    """Two heads of 4 within each; where values tell how long they are, the product alone."""
    node = NODE("PackedAttention", ["x", "w", "b", "places", "ends"], ["y"], **PACKED)
    weights = weight("w", 8, 24), weight("b", 24), PLACES
    inputs = [value("x", 10, 8)] + ([] if known else [value("ends", 4, dtype=INT32)])
    found = count(tmp_path, [node], *inputs, weights=(*weights, ENDS) if known else weights)

    pairs = 3 * 3 + 2 * 2 + 5 * 5
    assert found.table.macs == 10 * 8 * 24 + (pairs * (8 + 8) if known else 0)
    assert list(found.unknown_ops) == (
        []
        if known
        else ["PackedAttention, which attends within sequences whose lengths are values"]
    )


def test_packed_heads(tmp_path: Path) -> None:
    """Queries, keys and values in one: (10 tokens, 2 heads, 3, 4)."""
    names = ["x", "", "", "", "places", "ends"]
    node = NODE("PackedMultiHeadAttention", names, ["y"], **PACKED)
    found = count(tmp_path, [node], value("x", 10, 2, 3, 4), weights=(PLACES, ENDS))

    assert totals(found) == {"matmul_macs": 38 * 16, "softmax_elements": 38 * 2}
    assert found.table.rows[-1].output == (10, 8)


def test_words_by_their_characters(tmp_path: Path) -> None:
    """12 words of 7 characters of 3: 6 places of a window of 2, and 5 filters."""
    node = NODE("WordConvEmbedding", ["x", "w", "b", "c"], ["y"], **MICROSOFT)
    weights = weight("w", 5, 1, 2, 3), weight("b", 5), weight("c", 20, 3)
    found = count(tmp_path, [node], value("x", 2, 6, 7, dtype=INT32), weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 12 * 6 * 5 * 2 * 3


def test_a_bias_that_queries_scale(tmp_path: Path) -> None:
    """2 heads of 4 on 2 x 5 tokens by a weight of 4 x 8; two sums of 4 of each, and gates."""
    names = ["x", "qb", "positions", "w", "b", "eco"]
    node = NODE("GatedRelativePositionBias", names, ["y"], num_heads=2, **MICROSOFT)
    weights = weight("qb", 8), weight("w", 4, 8), weight("b", 8), weight("eco", 1, 2, 1, 1)
    inputs = value("x", 2, 5, 8), value("positions", 1, 2, 5, 5)
    found = count(tmp_path, [node], *inputs, weights=weights)

    assert found.unknown_ops == {}
    assert found.table.macs == 2 * 2 * 5 * 4 * 8
    assert totals(found)["reduction_inputs"] == 2 * 2 * 5 * 8
    assert totals(found)["activation_elements"] == 2 * 2 * 5 * 2


def test_shapes_of_further_layers(tmp_path: Path) -> None:
    """Three windows of 4 of 8 numbers; numbers of 16 bits; one more axis."""
    axis = helper.make_tensor("axis", INT32, [], [1])
    nodes = [
        NODE("UnfoldTensor", ["x"], ["windows"], dim=1, size=4, step=2, **MICROSOFT),
        NODE("MatMulInteger16", ["n", "w"], ["product"], **MICROSOFT),
        NODE("ExpandDims", ["x", "axis"], ["wide"], **MICROSOFT),
        NODE("Relu", ["wide"], ["y"]),
    ]
    inputs = value("x", 2, 8), value("n", 2, 8, dtype=TensorProto.INT16)
    whole = helper.make_tensor("w", TensorProto.INT16, [8, 4], [0] * 32)
    found = count(tmp_path, nodes, *inputs, weights=(axis, whole))

    assert found.unknown_ops == {}
    assert [row.output for row in found.table.rows] == [(2, 3, 4), (2, 4), (2, 1, 8)]
    assert found.table.macs == 2 * 8 * 4


@pytest.mark.parametrize(
    ("op_type", "settings", "width"),
    [
        ("DictVectorizer", {"int64_vocabulary": [1, 2, 3]}, 3),
        ("CastMap", {"map_form": "SPARSE", "max_map": 5}, 5),
        ("CastMap", {"map_form": "DENSE"}, 0),
    ],
)
def test_maps_of_keys(tmp_path: Path, op_type: str, settings: dict, width: int) -> None:
    """One row with a place for each key, and a layer on it, where that is told."""
    kind = helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    nodes = [
        NODE(op_type, ["m"], ["row"], **settings, **LEARNING),
        NODE("MatMul", ["row", "w"], ["y"]),
    ]
    weights = (weight("w", width or 3, 4),)
    found = count(tmp_path, nodes, helper.make_value_info("m", kind), weights=weights)

    assert found.table.macs == width * 4
    assert list(found.unknown_ops) == (
        []
        if width
        else [
            "ai.onnx.ml.CastMap, whose length is the number of keys",
            "MatMul on a shape that the keys of a map decide",
        ]
    )


def test_an_encoded_image_is_as_large_as_it_is(tmp_path: Path) -> None:
    """What follows once it has been resized is counted."""
    size = helper.make_tensor("size", INT64, [3], [8, 8, 3])
    nodes = [
        NODE("ImageDecoder", ["x"], ["image"]),
        NODE("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        NODE("Resize", ["numbers", "", "", "size"], ["small"]),
        NODE("MatMul", ["small", "w"], ["y"]),
    ]
    data = value("x", 100, dtype=TensorProto.UINT8)
    found = count(tmp_path, nodes, data, weights=(size, weight("w", 3, 4)), versions=(20, 3))

    assert found.table.macs == 64 * 3 * 4
    assert "ImageDecoder on a shape that the encoded image decides" in found.unknown_ops


@pytest.mark.parametrize(
    ("op_type", "reason"),
    [
        ("BeamSearch", "runs its decoder until values end it"),
        ("GreedySearch", "count the decoder's graph by itself"),
        ("PagedAttention", "tokens that values choose"),
        ("EPContext", "no graph"),
        ("NoSuchOperator", ""),
    ],
)
def test_what_cannot_be_counted_says_why(tmp_path: Path, op_type: str, reason: str) -> None:
    found = count(tmp_path, [NODE(op_type, ["x"], ["y"], **MICROSOFT)], value("x", 2, 8))
    (unknown,) = found.unknown_ops

    assert unknown.startswith(f"com.microsoft.{op_type}{', which' if reason else ''}")
    assert reason in unknown
    assert len(caveats(found.unknown_ops, None)) == 1


def test_other_work_has_its_way_out() -> None:
    """Which has a comma too."""
    assert "let forward do the work itself" in caveats({UNSEEN: 1}, None)[-1]


def test_a_shape_that_is_declared_is_counted(tmp_path: Path) -> None:
    """As the way out of one that values decide says."""
    nodes = [NODE("ImageDecoder", ["x"], ["image"]), NODE("Cast", ["image"], ["z"], to=1)]
    data = value("x", 100, dtype=TensorProto.UINT8)
    unknown = count(tmp_path, nodes, data, versions=(20, 3)).unknown_ops
    assert "graph.value_info" in caveats(unknown, None)[-1]

    path = tmp_path / "model.onnx"
    model = onnx.load(path)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [8, 8, 3])
    model.graph.value_info.append(image)
    onnx.save(model, path)
    counted = resolve(str(path), Options()).counted
    assert counted.unknown_ops == {}
    assert counted.table.rows[-1].output == (8, 8, 3)
