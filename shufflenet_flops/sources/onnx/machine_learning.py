"""The operators of ai.onnx.ml, as the ONNX operators that they stand for.

What they learned stands in attributes, and becomes constants here. A row of a table is (rows,
features). What only puts a name in the place of another, as the labels of classes, is free.
Source: the operator specification of ONNX, Operators-ml.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Meaning,
    Nodes,
    Sizes,
    as_operator,
    make_node,
)
from shufflenet_flops.sources.onnx.elements import FLOAT, INT64
from shufflenet_flops.sources.onnx.learned import comparisons

if TYPE_CHECKING:
    from onnx import NodeProto

MACHINE_LEARNING = "ai.onnx.ml"
Attributes = Mapping[str, Any]
# Adds the scores of a table of this shape to a chain; their name, None where they cannot be told.
Scores = Callable[[Chain, str, tuple[int, int], Attributes], str | None]


def _constant(chain: Chain, values: Sequence[float], shape: Sequence[int] = ()) -> str:
    """What was learned, as a tensor; a single number without axes for settings."""
    from onnx import TensorProto, helper

    tensor = helper.make_tensor("", TensorProto.FLOAT, shape, values)
    return chain.then("Constant", [], value=tensor)


def _scored(scores: Scores, *, labels: bool) -> Meaning:
    """Scores, with the best label of each row before them where it is a classifier."""

    def meaning(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes | None:
        known = sizes(node.input[0])
        if known is None or None in known or not known:
            return None
        rows, features = (1, *known)[-2:]
        if rows is None or features is None:
            return None
        output = node.output[-1] if labels else node.output[0]
        chain = Chain(node)
        value = scores(chain, node.input[0], (rows, features), attributes)
        if value is None:
            return None
        if transform := _TRANSFORMS.get(attributes.get("post_transform", "NONE")):
            value = chain.then(transform, [value])
        chain.nodes.append(make_node("Identity", [value], [output]))
        if labels and len(node.output) > 1 and node.output[0]:
            best = make_node("ArgMax", [value], [node.output[0]], axis=-1, keepdims=0)
            chain.nodes.append(best)
        return chain.nodes

    return meaning


_TRANSFORMS = {
    "LOGISTIC": "Sigmoid",
    "PROBIT": "Erf",
    "SOFTMAX": "Softmax",
    "SOFTMAX_ZERO": "Softmax",
}


def _linear(chain: Chain, x: str, shape: tuple[int, int], attributes: Attributes) -> str | None:
    """A fully connected layer."""
    _, features = shape
    weights, biases = attributes["coefficients"], attributes.get("intercepts") or []
    width = len(weights) // features if features else 0
    if not width or width * features != len(weights):
        return None
    operands = [x, _constant(chain, weights, (width, features))]
    if biases:
        operands.append(_constant(chain, biases, (len(biases),)))
    return chain.then("Gemm", operands, transB=1)


def _support_vectors(
    chain: Chain, x: str, shape: tuple[int, int], attributes: Attributes
) -> str | None:
    """The kernel of each row with each support vector, and their weighted sums.

    Of classes there is a sum for each pair, where each vector is weighed once less than there are
    classes. Without support vectors it is a linear layer.
    """
    rows, features = shape
    vectors = attributes.get("support_vectors") or []
    weights, biases = attributes["coefficients"], attributes.get("rho") or []
    if not vectors:
        intercepts = biases if len(biases) * features == len(weights) else []
        return _linear(chain, x, shape, {**attributes, "intercepts": intercepts})
    number = len(vectors) // features if features else 0
    if not number or len(weights) % number:
        return None
    width = len(weights) // number
    held = _constant(chain, vectors, (number, features))
    kernel = _kernel(chain, x, held, (rows, number), attributes)
    value = chain.then("MatMul", [kernel, _constant(chain, weights, (number, width))])
    pairs = len(biases)
    if biases:
        if pairs != width:
            value = chain.then("Unpacked", [value], shape=[rows, pairs])
        value = chain.then("Add", [value, _constant(chain, biases, (pairs,))])
    if attributes.get("prob_a"):
        value = chain.then("Sigmoid", [value])
    classes = len(attributes.get("vectors_per_class") or [])
    if classes and classes != pairs:
        value = chain.then("Unpacked", [value], shape=[rows, classes])
    return value


def _kernel(
    chain: Chain, x: str, vectors: str, shape: tuple[int, int], attributes: Attributes
) -> str:
    """Of each row with each vector: a product or a distance, and a function of it."""
    kind = attributes.get("kernel_type", "LINEAR")
    if kind == "RBF":
        apart = chain.then("CDist", [x, vectors], shape=list(shape))
        return chain.then("Exp", [chain.then("Mul", [apart, _constant(chain, [1.0])])])
    value = chain.then("Gemm", [x, vectors], transB=1)
    if kind == "POLY":
        return chain.then("Pow", [value, _constant(chain, [1.0])])
    return chain.then("Tanh", [value]) if kind == "SIGMOID" else value


def _trees(
    kind: str, chain: Chain, x: str, shape: tuple[int, int], attributes: Attributes
) -> str | None:
    """A comparison at each node from the root of each tree to a leaf, and what the leaf weighs.

    Values decide how deep a row goes: the deepest way of each tree is counted.
    """
    names = ("treeids", "nodeids", "modes", "truenodeids", "falsenodeids", "values")
    nodes = zip(*(attributes[f"nodes_{name}"] for name in names), strict=True)
    below: dict[tuple[int, int], list[tuple[int, int]]] = {}
    roots: dict[int, tuple[int, int]] = {}
    thresholds: list[float] = []
    for tree, node, mode, *ways, threshold in nodes:
        roots.setdefault(tree, (tree, node))
        if mode != "LEAF":
            below[tree, node] = [(tree, other) for other in ways]
            thresholds.append(threshold)
    leaves = Counter(zip(attributes[f"{kind}_treeids"], attributes[f"{kind}_nodeids"], strict=True))
    most: dict[int, int] = {}
    for (tree, _), number in leaves.items():
        most[tree] = max(number, most.get(tree, 0))
    classes = attributes.get("classlabels_int64s") or attributes.get("classlabels_strings") or ()
    width = attributes.get("n_targets", len(classes))
    held = thresholds, attributes[f"{kind}_weights"]
    return _ensemble(
        chain, x, (shape[0], width), held, comparisons(roots.values(), below), sum(most.values())
    )


def _ensemble(
    chain: Chain,
    x: str,
    shape: tuple[int, int],
    held: tuple[Sequence[float], Sequence[float]],
    compared: int | None,
    added: int,
) -> str | None:
    """Trees of these thresholds and weights, with so much for each row."""
    if compared is None:
        return None
    operands = [x, *(_constant(chain, values, (len(values),)) for values in held)]
    return chain.then("Trees", operands, shape=shape, comparisons=compared, additions=added)


def _joint_trees(
    chain: Chain, x: str, shape: tuple[int, int], attributes: Attributes
) -> str | None:
    """The same, written with all trees' nodes in one list, and leaves in another."""
    names = ("truenodeids", "trueleafs", "falsenodeids", "falseleafs")
    below = {
        (0, node): [(int(leaf), place) for place, leaf in (ways[:2], ways[2:])]
        for node, ways in enumerate(
            zip(*(attributes[f"nodes_{name}"] for name in names), strict=True)
        )
    }
    roots = attributes["tree_roots"]
    held = [0.0] * len(below), [0.0] * len(attributes["leaf_targetids"])
    compared = comparisons([(0, root) for root in roots], below)
    return _ensemble(chain, x, (shape[0], attributes["n_targets"]), held, compared, len(roots))


def _one_number(*op_types: str) -> Meaning:
    """Operators one after another, each with a number of its own that is no data."""

    def meaning(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes:
        chain = Chain(node)
        value = node.input[0]
        for op_type in op_types:
            value = chain.then(op_type, [value, _constant(chain, [1.0])])
        return chain.end()

    return meaning


def _imputed(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes:
    chain = Chain(node)
    number = _constant(chain, [0.0])
    missing = chain.then("Equal", [node.input[0], number])
    chain.then("Where", [missing, number, node.input[0]])
    return chain.end()


def _one_hot(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes | None:
    chain = Chain(node)
    known = sizes(node.input[0])
    if known is None or None in known:
        return None
    # One text for another, by its number.
    places = chain.then("Unpacked", [node.input[0]], shape=known, to=INT64)
    classes = attributes.get("cats_int64s") or attributes.get("cats_strings") or []
    depth = chain.then("Constant", [], value_ints=[len(classes)])
    chain.then("OneHot", [places, depth, chain.then("Constant", [], value_floats=[0.0, 1.0])])
    return chain.end()


def _labels(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes | None:
    """One name for another, which is free: text, or numbers of a type of their own."""
    kinds = {"values_int64s": INT64, "cats_int64s": INT64, "values_floats": FLOAT}
    to = next((kind for name, kind in kinds.items() if attributes.get(name)), None)
    if node.op_type == "CategoryMapper" and "default_int64" not in attributes:
        to = None
    if to is None:
        return as_operator("Identity", 0)(node, attributes, sizes)
    known = sizes(node.input[0])
    if known is None or None in known:
        return None
    return [make_node("Unpacked", [node.input[0]], [node.output[0]], shape=known, to=to)]


def _picked_features(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes:
    chain = Chain(node)
    value = chain.then("Gather", list(node.input), axis=-1)
    if len(sizes(node.input[1]) or ()) > 1:
        chain.then("Flatten", [value], axis=1)
    return chain.end()


def _side_by_side(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes:
    return [make_node("Concat", list(node.input), list(node.output), axis=-1)]


def _from_map(node: NodeProto, attributes: Attributes, sizes: Sizes) -> Nodes | None:
    """One row with a place for each key: for those of a vocabulary, or up to the most."""
    names = attributes.get("int64_vocabulary") or attributes.get("string_vocabulary") or ()
    sparse = attributes.get("map_form") == "SPARSE"
    places = attributes.get("max_map", 1) if sparse else len(names)
    shape = [1, places]
    return (
        [make_node("Vectorized", list(node.input), list(node.output), shape=shape)]
        if places
        else None
    )


_CLASSIFIED, _PREDICTED = partial(_trees, "class"), partial(_trees, "target")
MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "ArrayFeatureExtractor": _picked_features,
        **dict.fromkeys(("CastMap", "DictVectorizer"), _from_map),
        "Binarizer": _one_number("Greater"),
        "FeatureVectorizer": _side_by_side,
        "Imputer": _imputed,
        "LinearClassifier": _scored(_linear, labels=True),
        "LinearRegressor": _scored(_linear, labels=False),
        "Normalizer": as_operator("LpNormalization", 0),
        "OneHotEncoder": _one_hot,
        "SVMClassifier": _scored(_support_vectors, labels=True),
        "SVMRegressor": _scored(_support_vectors, labels=False),
        "Scaler": _one_number("Sub", "Mul"),
        "TreeEnsemble": _scored(_joint_trees, labels=False),
        "TreeEnsembleClassifier": _scored(_CLASSIFIED, labels=True),
        "TreeEnsembleRegressor": _scored(_PREDICTED, labels=False),
        "ZipMap": as_operator("Identity", 0),
        **dict.fromkeys(("CategoryMapper", "LabelEncoder"), _labels),
    }
)
