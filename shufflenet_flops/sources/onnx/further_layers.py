"""Further layers of ONNX Runtime: of several operators of ONNX's own each.

Source: ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    TRANSPOSED,
    Chain,
    Meaning,
    Nodes,
    Sizes,
    input_at,
    inputs_at,
    known_sizes,
    make_node,
    output_at,
    picked,
)
from shufflenet_flops.sources.onnx.elements import BOOL

if TYPE_CHECKING:
    from onnx import NodeProto


def _normed_rotation(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A norm of a slice of each head, (batch, length, heads, size), and some of it rotated."""
    known = known_sizes(sizes, node.input[0])
    if known is None or len(known) != 4:
        return None
    batch, length, heads, size = known
    width = attributes.get("input_width") or size
    chain = Chain(node)
    value = chain.then("Unpacked", [node.input[0]], shape=[*known[:3], width])
    norm = "SimplifiedLayerNormalization"
    value = chain.gives(output_at(node, 1), norm, [value, node.input[1]])
    rotated = [*known[:3], attributes["rotary_embedding_dim"]]
    value = chain.then("Unpacked", [value], shape=rotated)
    value = chain.then("Rotary", [value, *node.input[3:5]])
    whole = [1, batch * length] if attributes.get("flatten_batch") else [batch, length]
    chain.gives(node.output[0], "Unpacked", [value], shape=[*whole, heads * width])
    return chain.nodes


def _attending_lstm(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """An LSTM that attends, at each step, to a memory of (batch, places, depth), after Bahdanau.

    A score is a vector's product with the tanh of a key and a query; the memory weighed by scores
    goes with the state through one more layer, if there is one, into the next step.
    """
    chain = Chain(node)
    kept = picked(attributes, "direction", "hidden_size")
    steps, cells = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[1])
    if steps is None or cells is None:
        return None
    together = chain.then("Unpacked", [node.input[0]], shape=[*steps[:2], cells[-1]])
    operands = [together, *inputs_at(node, range(1, 8))]
    chain.nodes.append(make_node("LSTM", operands, list(node.output), **kept))
    if not input_at(node, 11):
        return chain.nodes
    memory, weight = known_sizes(sizes, node.input[11]), known_sizes(sizes, node.input[8])
    if memory is None or weight is None:
        return None
    directions, hidden, size = weight
    (length, batch), (places, depth) = steps[:2], memory[1:]
    state = chain.then("Unpacked", [node.input[0]], shape=[length, directions, batch, hidden])
    keys = chain.then("Einsum", [node.input[11], node.input[9]], equation="bmd,nda->nbma")
    keys = chain.then("Unpacked", [keys], shape=[1, directions, batch, places, size])
    query = chain.then("Einsum", [state, node.input[8]], equation="snbh,nha->snba")
    query = chain.then("Unpacked", [query], shape=[length, directions, batch, 1, size])
    likeness = chain.then("Tanh", [chain.then("Add", [keys, query])])
    scores = chain.then("Einsum", [likeness, node.input[10]], equation="snbma,na->snbm")
    scores = chain.then("Softmax", [scores], axis=-1)
    context = chain.then("Einsum", [scores, node.input[11]], equation="snbm,bmd->snbd")
    if input_at(node, 13):
        both = [length, directions, batch, depth + hidden]
        context = chain.then("Unpacked", [context], shape=both)
        chain.then("Einsum", [context, node.input[13]], equation="snbk,nko->snbo")
    return chain.nodes


def _padded_transposed(
    node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes
) -> Nodes | None:
    """A transposed convolution, whose borders, as many as values say, are cut off."""
    chain = Chain(node)
    operands = inputs_at(node, (0, 1, 3))
    kept = picked(attributes, *TRANSPOSED)
    known = sizes(node.input[0])
    if not input_at(node, 2):
        chain.then("ConvTranspose", operands, **kept)
        return chain.end()
    if known is None:
        return None
    axes = len(known) - 2
    whole = chain.then("ConvTranspose", operands, **kept)
    parts = chain.then("Constant", [], value_ints=[axes, axes])
    first = chain.then("Split", [node.input[2], parts], outputs=2)
    lengths = chain.then("Shape", [whole], start=2)
    ends = chain.then("Sub", [lengths, f"{first}.1"])
    along = chain.then("Constant", [], value_ints=list(range(2, axes + 2)))
    chain.then("Slice", [whole, first, ends, along])
    return chain.end()


def _all_finite(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """Whether every number of several tensors is one."""
    chain = Chain(node)
    found = ""
    for name in node.input:
        endless = chain.then("IsInf", [name])
        some = chain.then("IntegerSum", [endless], shape=[], to=BOOL)
        found = chain.then("Or", [found, some]) if found else some
    chain.gives(node.output[0], "Not", [found])
    return chain.nodes


def _unique(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """ONNX gives one more result."""
    first, *others = node.output
    return [make_node("Unique", list(node.input), [first, "", *others])]


FURTHER_LAYERS: Mapping[str, Meaning] = MappingProxyType(
    {
        "RMSNormRotary": _normed_rotation,
        "AttnLSTM": _attending_lstm,
        "ConvTransposeWithDynamicPads": _padded_transposed,
        "IsAllFinite": _all_finite,
        "Unique": _unique,
    }
)
