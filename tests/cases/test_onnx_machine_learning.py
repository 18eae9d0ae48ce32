"""Operators of ai.onnx.ml, mixtures of experts, transforms and choices, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shufflenet_flops.sources import Options, resolve
from shufflenet_flops.sources.source import Counted

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
NODE = helper.make_node


def learned(op_type: str, *outputs: str, **attributes: Any) -> onnx.NodeProto:
    return NODE(op_type, ["x"], list(outputs or ["y"]), domain="ai.onnx.ml", **attributes)


def value(name: str, *shape: int, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name: str, *shape: int, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.full(shape, 2, dtype), name)


def count(
    directory: Path,
    nodes: list[onnx.NodeProto],
    *inputs: onnx.ValueInfoProto,
    weights: tuple[onnx.TensorProto, ...] = (),
    versions: tuple[int, int] = (20, 3),
) -> Counted:
    y = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "test", list(inputs), [y], list(weights))
    domains = ("", versions[0]), ("ai.onnx.ml", versions[1]), ("com.microsoft", 1)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in domains])
    path = directory / "model.onnx"
    path.write_bytes(model.SerializeToString())
    counted: Counted = resolve(str(path), Options()).counted
    return counted


def totals(counted: Counted) -> dict[str, int]:
    """All counts of all rows, by class."""
    found: dict[str, int] = {}
    for row in counted.table.rows:
        for op_class, number in row.counts.items():
            found[str(op_class)] = found.get(str(op_class), 0) + number
    return found


# Rows of 3 features, 4 of them.
_TREE = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 3, 0, 0, 0],
    "nodes_falsenodeids": [2, 0, 4, 0, 0, 0],
    "nodes_featureids": [0, 0, 1, 0, 0, 0],
    "nodes_values": [0.5, 0.0, 0.1, 0.0, 0.0, 0.0],
}


def leaves(kind: str, per_leaf: int) -> dict[str, list[Any]]:
    """What the three leaves of the first tree weigh, and the one of the second."""
    places = [(0, 1), (0, 3), (0, 4), (1, 0)]
    return {
        f"{kind}_treeids": [tree for tree, _ in places for _ in range(per_leaf)],
        f"{kind}_nodeids": [node for _, node in places for _ in range(per_leaf)],
        f"{kind}_ids": [i for _ in places for i in range(per_leaf)],
        f"{kind}_weights": [1.0 for _ in places for _ in range(per_leaf)],
    }


@pytest.mark.parametrize(
    ("node", "counts", "params"),
    [
        (
            learned("LinearRegressor", coefficients=[1.0] * 6, intercepts=[1.0] * 2, targets=2),
            {"linear_macs": 4 * 3 * 2, "linear_bias_adds": 4 * 2},
            8,
        ),
        (
            learned(
                "LinearClassifier",
                *("label", "y"),
                coefficients=[1.0] * 9,
                intercepts=[1.0] * 3,
                classlabels_strings=["a", "b", "c"],
                post_transform="SOFTMAX",
            ),
            {
                "linear_macs": 4 * 3 * 3,
                "linear_bias_adds": 4 * 3,
                "softmax_elements": 4 * 3,
                "softmax_vectors": 4,
                "reduction_inputs": 4 * 3,
            },
            12,
        ),
        (
            learned(  # 5 vectors, a linear kernel
                "SVMRegressor",
                coefficients=[1.0] * 5,
                support_vectors=[1.0] * 15,
                n_supports=5,
                rho=[1.0],
                kernel_type="LINEAR",
            ),
            {"linear_macs": 4 * 5 * 3 + 4 * 5, "add_elements": 4},
            5 + 15 + 1,
        ),
        (
            learned(  # of 3 classes: 2 weights for each of 5 vectors, and 3 pairs
                "SVMClassifier",
                *("label", "y"),
                coefficients=[1.0] * 10,
                support_vectors=[1.0] * 15,
                vectors_per_class=[2, 2, 1],
                rho=[1.0] * 3,
                kernel_type="RBF",
                kernel_params=[0.1, 0.0, 3.0],
                classlabels_ints=[0, 1, 2],
            ),
            {
                "reduction_inputs": 4 * 5 * 3 + 4 * 3,  # distances; the best of the classes
                "mul_elements": 4 * 5,
                "elementwise_elements": 4 * 5,
                "linear_macs": 4 * 10,
                "add_elements": 4 * 3,
            },
            10 + 15 + 3,
        ),
        (
            learned("SVMRegressor", coefficients=[1.0] * 3, n_supports=0, rho=[1.0]),
            {"linear_macs": 4 * 3, "linear_bias_adds": 4},
            4,
        ),
        (
            learned("TreeEnsembleRegressor", n_targets=1, **_TREE, **leaves("target", 1)),
            {"elementwise_elements": 4 * 2, "add_elements": 4 * 2},
            2 + 4,
        ),
        (
            learned(
                "TreeEnsembleClassifier",
                *("label", "y"),
                classlabels_int64s=[0, 1],
                **_TREE,
                **leaves("class", 2),
            ),
            {
                "elementwise_elements": 4 * 2,
                "add_elements": 4 * 2 * 2,
                "reduction_inputs": 4 * 2,
            },
            2 + 8,
        ),
        (
            learned("Scaler", offset=[0.0] * 3, scale=[1.0] * 3),
            {"elementwise_elements": 12, "mul_elements": 12},
            0,
        ),
        (learned("Normalizer", norm="L2"), {"norm_elements": 12}, 0),
        (learned("Binarizer", threshold=0.5), {"elementwise_elements": 12}, 0),
        (learned("Imputer", imputed_value_floats=[1.0]), {"elementwise_elements": 24}, 0),
        (learned("ZipMap", classlabels_int64s=[0, 1, 2]), {}, 0),
        (learned("LabelEncoder", keys_floats=[1.0], values_floats=[2.0]), {}, 0),
    ],
    ids=[
        *("linear regression", "linear classes", "vectors", "vectors of classes", "a linear SVM"),
        *("trees", "trees of classes", "Scaler", "Normalizer", "Binarizer", "Imputer", "ZipMap"),
        "LabelEncoder",
    ],
)
def test_of_tables(
    tmp_path: Path, node: onnx.NodeProto, counts: dict[str, int], params: int
) -> None:
    """Each on 4 rows of 3 features."""
    counted = count(tmp_path, [node], value("x", 4, 3))

    assert counted.unknown_ops == {}
    assert totals(counted) == counts
    assert counted.params == params


def test_trees_in_one_list(tmp_path: Path) -> None:
    """A root with a leaf and a node of two leaves: 2 comparisons, 2 thresholds and 3 leaves."""
    node = learned(
        "TreeEnsemble",
        n_targets=1,
        tree_roots=[0],
        nodes_featureids=[0, 1],
        nodes_splits=helper.make_tensor("", FLOAT, [2], [0.5, 0.1]),
        nodes_modes=helper.make_tensor("", TensorProto.UINT8, [2], [0, 0]),
        nodes_truenodeids=[0, 1],
        nodes_trueleafs=[1, 1],
        nodes_falsenodeids=[1, 2],
        nodes_falseleafs=[0, 1],
        leaf_targetids=[0, 0, 0],
        leaf_weights=helper.make_tensor("", FLOAT, [3], [1.0, 2.0, 3.0]),
    )
    counted = count(tmp_path, [node], value("x", 4, 3), versions=(20, 5))

    assert counted.unknown_ops == {}
    assert totals(counted) == {"elementwise_elements": 4 * 2, "add_elements": 4}
    assert counted.params == 5


def test_trees_that_go_in_circles_are_named(tmp_path: Path) -> None:
    """They have no end that could be counted."""
    circle = {**_TREE, "nodes_falsenodeids": [2, 0, 0, 0, 0, 0]}
    node = learned("TreeEnsembleRegressor", n_targets=1, **circle, **leaves("target", 1))

    assert count(tmp_path, [node], value("x", 4, 3)).unknown_ops == {
        "ai.onnx.ml.TreeEnsembleRegressor": 1
    }


def test_a_table_is_put_together(tmp_path: Path) -> None:
    """Two features picked, three one-hot columns made of the others' classes, side by side."""
    nodes = [
        NODE("ArrayFeatureExtractor", ["x", "i"], ["two"], domain="ai.onnx.ml"),
        NODE(
            "FeatureVectorizer",
            ["two", "x"],
            ["five"],
            domain="ai.onnx.ml",
            inputdimensions=[2, 3],
        ),
        NODE("OneHotEncoder", ["five"], ["y"], domain="ai.onnx.ml", cats_int64s=[1, 2, 3]),
    ]
    indices = numpy_helper.from_array(np.array([[0, 2]]), "i")
    counted = count(tmp_path, nodes, value("x", 4, 3), weights=(indices,))

    assert counted.unknown_ops == {}
    assert [(row.op, row.output) for row in counted.table.rows] == [
        ("index_select", (4, 1, 2)),
        ("cat", (4, 5)),
        ("one_hot", (4, 5, 3)),
    ]


_TOKENS = value("x", 2, 5, 8), value("scores", 10, 4)
_LAYERS = weight("one", 4, 6, 8), weight("two", 4, 8, 6)


@pytest.mark.parametrize(
    ("op_type", "names", "weights", "attributes", "counts"),
    [
        (
            "MoE",
            ["one", "", "two"],
            _LAYERS,
            {"k": 2},
            # 10 tokens through 2 of 4 experts of 8 to 6 to 8
            {
                "linear_macs": 10 * 2 * (8 * 6 + 6 * 8),
                "activation_elements": 10 * 2 * 6,
                "mul_elements": 10 * 2 * 8,
                "add_elements": 10 * 8,
            },
        ),
        (
            "MoE",
            ["one", "b1", "two", "b2", "three"],
            (*_LAYERS, weight("three", 4, 6, 8), weight("b1", 4, 6), weight("b2", 4, 8)),
            {"k": 1},
            {
                "linear_macs": 10 * 3 * 48,
                "linear_bias_adds": 10 * (6 + 8),
                "activation_elements": 10 * 6,
                "mul_elements": 10 * (8 + 6),
            },
        ),
        (
            "MoE",  # a gate in the first layer, which is 12 wide
            ["one", "", "two"],
            (weight("one", 4, 12, 8), _LAYERS[1]),
            {"k": 1, "swiglu_fusion": 1, "activation_type": "swiglu"},
            {
                "linear_macs": 10 * 3 * 48,
                "activation_elements": 10 * 6,
                "mul_elements": 10 * (8 + 6),
            },
        ),
        (
            "QMoE",  # two numbers to a byte
            ["one", "s1", "", "two", "s2"],
            (
                weight("one", 4, 6, 4, dtype=np.uint8),
                weight("two", 4, 8, 3, dtype=np.uint8),
                weight("s1", 4, 6),
                weight("s2", 4, 8),
            ),
            {"k": 2},
            {
                "linear_macs": 10 * 2 * 96,
                "activation_elements": 10 * 2 * 6,
                "mul_elements": 10 * 2 * 8,
                "add_elements": 10 * 8,
            },
        ),
    ],
    ids=["two layers", "three layers", "a fused gate", "packed"],
)
def test_a_mixture_of_experts(
    tmp_path: Path,
    op_type: str,
    names: list[str],
    weights: tuple[onnx.TensorProto, ...],
    attributes: dict[str, Any],
    counts: dict[str, int],
) -> None:
    """Each token goes through so many experts, whichever they are."""
    node = NODE(op_type, ["x", "scores", *names], ["y"], domain="com.microsoft", **attributes)
    counted = count(tmp_path, [node], *_TOKENS, weights=weights)

    assert counted.unknown_ops == {}
    assert totals(counted) == {**counts, "softmax_elements": 10 * 4}
    numbers = [int(np.prod(each.dims)) for each in weights if not each.name.startswith("s")]
    assert counted.params == sum(numbers) * (2 if op_type == "QMoE" else 1)  # two in a byte


@pytest.mark.parametrize(
    ("shape", "attributes", "version", "op", "elements"),
    [
        # Each of 3 signals of 8: 5 · 8 · 3 halvings, real ones half of it.
        ((3, 8, 2), {"axis": 1}, 17, "fft_c2c", 3 * 5 * 8 * 3),
        ((3, 8, 1), {"axis": 1}, 17, "fft_r2c", 3 * 5 * 8 * 3 // 2),
        ((3, 8, 1), {"axis": 1, "onesided": 1}, 17, "fft_r2c", 3 * 5 * 8 * 3 // 2),
        ((3, 6, 2), {"axis": 1, "inverse": 1}, 17, "fft_c2c", 3 * 5 * 6 * 3),
        ((3, 8, 2), {}, 20, "fft_c2c", 3 * 5 * 8 * 3),
    ],
)
def test_a_fourier_transform(
    tmp_path: Path,
    shape: tuple[int, ...],
    attributes: dict[str, int],
    version: int,
    op: str,
    elements: int,
) -> None:
    """As torch's own are counted."""
    node = NODE("DFT", ["x"], ["y"], **attributes)
    counted = count(tmp_path, [node], value("x", *shape), versions=(version, 3))

    assert counted.unknown_ops == {}
    assert [row.op for row in counted.table.rows] == [op]
    assert totals(counted) == {"elementwise_elements": elements}


def test_a_short_time_fourier_transform(tmp_path: Path) -> None:
    """5 frames of 8, 2 apart, of a signal of 16, each by a window, which is no parameter."""
    nodes = [NODE("STFT", ["x", "step", "window"], ["y"], onesided=1)]
    step = numpy_helper.from_array(np.array(2), "step")
    weights = (step, weight("window", 8))
    counted = count(tmp_path, nodes, value("x", 1, 16, 1), weights=weights)

    assert counted.unknown_ops == {}
    assert counted.table.rows[0].output == (1, 5, 5, 2)
    assert totals(counted) == {
        "mul_elements": 5 * 8,
        "elementwise_elements": 5 * (5 * 8 * 3) // 2,
    }
    assert counted.params == 0


def test_boxes_that_are_kept(tmp_path: Path) -> None:
    """100 boxes of 4 numbers, for each of 3 classes; how many are left is up to values."""
    nodes = [
        NODE("NonMaxSuppression", ["boxes", "scores", "most", "overlap"], ["kept"]),
        NODE("Gather", ["boxes", "kept"], ["y"], axis=1),
    ]
    inputs = value("boxes", 1, 100, 4), value("scores", 1, 3, 100)
    weights = (
        numpy_helper.from_array(np.array([7]), "most"),
        numpy_helper.from_array(np.array([0.5], np.float32), "overlap"),
    )
    counted = count(tmp_path, nodes, *inputs, weights=weights)

    assert totals(counted) == {"reduction_inputs": 3 * 100 * 4}
    assert counted.unknown_ops == {"Gather on a shape that depends on values": 1}
    assert counted.params == 0


@pytest.mark.parametrize(
    ("node", "inputs", "counts"),
    [
        (
            NODE("SoftmaxCrossEntropyLoss", ["x", "t"], ["y"]),
            (value("x", 6, 10), value("t", 6, dtype=INT64)),
            {"softmax_elements": 60, "softmax_vectors": 6, "reduction_inputs": 6},
        ),
        (
            NODE("NegativeLogLikelihoodLoss", ["x", "t"], ["y"]),
            (value("x", 6, 10), value("t", 6, dtype=INT64)),
            {"reduction_inputs": 6},
        ),
        (
            NODE("MaxRoiPool", ["x", "rois"], ["y"], pooled_shape=[2, 2]),
            (value("x", 1, 3, 8, 8), value("rois", 5, 5)),
            {"interpolated_elements": 5 * 3 * 2 * 2},
        ),
        (
            NODE("CDist", ["x", "z"], ["y"], domain="com.microsoft"),
            (value("x", 4, 3), value("z", 5, 3)),
            {"reduction_inputs": 4 * 5 * 3},
        ),
        (NODE("Unique", ["x"], ["y"]), (value("x", 4, 3),), {"reduction_inputs": 12}),
        (NODE("Bernoulli", ["x"], ["y"]), (value("x", 4, 3),), {"elementwise_elements": 12}),
    ],
    ids=lambda item: item.op_type if isinstance(item, onnx.NodeProto) else "",
)
def test_other_operators(
    tmp_path: Path,
    node: onnx.NodeProto,
    inputs: tuple[onnx.ValueInfoProto, ...],
    counts: dict[str, int],
) -> None:
    """Each for itself."""
    counted = count(tmp_path, [node], *inputs)

    assert counted.unknown_ops == {}
    assert totals(counted) == counts


def test_what_values_size_is_named(tmp_path: Path) -> None:
    """What is not zero, or what a mask picks, moves nobody knows how much."""
    counted = count(tmp_path, [NODE("NonZero", ["x"], ["y"])], value("x", 4, 3))

    assert counted.unknown_ops == {"NonZero on a shape that depends on values": 1}
