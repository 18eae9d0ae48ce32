"""Layers of ONNX Runtime that keep a state from token to token, as ONNX's own operators.

Source: ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.chain import (
    Chain,
    Meaning,
    Nodes,
    Sizes,
    input_at,
    known_sizes,
    output_at,
    without_ends,
)

if TYPE_CHECKING:
    from onnx import NodeProto


def _delta_net(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """Linear attention of tokens one behind the other, (tokens, heads, size), or all in one.

    Each value's head keeps a state of (size of a value, size of a key).
    """
    initial, value = known_sizes(sizes, input_at(node, 6)), known_sizes(sizes, input_at(node, 2))
    query = known_sizes(sizes, node.input[0])
    if query is None:
        return None
    if value is not None:
        shape, state = value, [*value[-2:], query[-1]]
    elif initial is not None:
        shape, state = [*query[:-1], *initial[1:3]], initial[1:]
    else:
        return None
    chain = Chain(node)
    operands = list(node.input[:3])
    if attributes.get("qk_l2_norm") and value is not None:
        operands[:2] = [chain.then("LpNormalization", [name]) for name in operands[:2]]
    for position, name, op_type in ((4, "gate", "Softplus"), (5, "beta", "Sigmoid")):
        gate = input_at(node, position)
        if gate and attributes.get(f"{name}_activation", "none") != "none":
            gate = chain.then(op_type, [gate])
        operands.append(gate)
    operands = without_ends([*operands, input_at(node, 6)])
    rule = attributes.get("update_rule", "gated_delta")
    chain.gives(node.output[0], "Recurrence", operands, shape=shape, state=state, update_rule=rule)
    batch = (known_sizes(sizes, input_at(node, 3)) or [0])[0] - 1
    kept = initial or [batch, *state]
    chain.gives(output_at(node, 1), "Unpacked", [node.output[0]], shape=kept)
    if output_at(node, 2):
        shape = [kept[0], attributes["state_update_capacity"] * _update(node, query, state, sizes)]
        chain.gives(node.output[2], "Unpacked", [node.output[0]], shape=shape)
    return chain.nodes


def _update(node: NodeProto, query: list[int], state: list[int], sizes: Sizes) -> int:
    """How many numbers tell what one token changes: a decay, a key and a difference of values."""
    values = state[0] * state[1]
    key = known_sizes(sizes, input_at(node, 1))
    keys = prod(key[-2:]) if key else (query[-1] - values) // 2
    decay = known_sizes(sizes, input_at(node, 4)) or []
    tokens = prod(query[:-1]) if key is None else prod(query[:-2])
    return prod(decay) // max(1, tokens) + keys + values


def _mamba(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A convolution over tokens, a state for each head, and a norm by a gate: (tokens, width)."""
    known, taps = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[3])
    if known is None or taps is None:
        return None
    heads, size, depth = (attributes[name] for name in ("heads", "head_dim", "d_state"))
    tokens, width = known[0], heads * size
    chain = Chain(node)
    mixed = _over_tokens(chain, node.input[0], node.input[3:5], tokens, taps, 1)
    mixed = chain.gives(output_at(node, 3), "Swish", [mixed])
    read = chain.then(
        "Recurrence",
        [mixed, node.input[2]],
        shape=[tokens, width],
        state=[heads, size, depth],
        update_rule="gated",
    )
    value = chain.then("Unpacked", [mixed], shape=[tokens, heads, size])
    skipped = chain.then("Unpacked", [node.input[7]], shape=[heads, 1])
    skipped = chain.then("Mul", [value, skipped])
    skipped = chain.then("Unpacked", [skipped], shape=[tokens, width])
    read = chain.gives(output_at(node, 4), "Add", [read, skipped])
    gate = chain.then("Unpacked", [node.input[0]], shape=[tokens, width])
    gated = chain.then("Mul", [read, chain.then("Swish", [gate])])
    chain.gives(node.output[0], "SimplifiedLayerNormalization", [gated, node.input[8]])
    for i in (1, 2):
        chain.gives(output_at(node, i), "Identity", [node.input[i]])
    return chain.nodes


def _over_tokens(
    chain: Chain, x: str, weights: list[str], tokens: int, taps: list[int], dilation: int
) -> str:
    """A convolution of each channel over so many tokens and those before them; (tokens, channels).

    Weights are (channels, [1,] taps).
    """
    channels, length = taps[0], taps[-1]
    before = (length - 1) * dilation
    value = chain.then("Unpacked", [x], shape=[1, channels, before + tokens])
    weight = chain.then("Unpacked", weights[:1], shape=[channels, 1, length])
    operands = without_ends([value, weight, *weights[1:]])
    value = chain.then("Conv", operands, group=channels, dilations=[dilation])
    return chain.then("Unpacked", [value], shape=[tokens, channels])


def _convolution(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes | None:
    """A convolution of each channel over the tokens of each sequence, (tokens, channels)."""
    known, taps = known_sizes(sizes, node.input[0]), known_sizes(sizes, node.input[1])
    state = known_sizes(sizes, node.input[4])
    if known is None or taps is None or state is None:
        return None
    chain = Chain(node)
    weights = [node.input[1], input_at(node, 3)]
    dilation = attributes.get("dilation", 1)
    value = _over_tokens(chain, node.input[0], weights, known[0], taps, dilation)
    if input_at(node, 6):  # this token and the one before it, by coefficients of their own
        for _ in range(2):
            value = chain.then("Add", [value, chain.then("Mul", [value, value])])
    activated = attributes.get("activation", "none") != "none"
    chain.gives(node.output[0], "Swish" if activated else "Identity", [value])
    chain.gives(output_at(node, 1), "Identity", [node.input[4]])
    if output_at(node, 2):
        shape = [state[0], attributes["state_update_capacity"], known[1]]
        chain.gives(node.output[2], "Unpacked", [node.input[0]], shape=shape)
    return chain.nodes


def _decay(node: NodeProto, attributes: Mapping[str, Any], sizes: Sizes) -> Nodes:
    """What linear attention keeps of a state, and how much of a new value it takes."""
    chain = Chain(node)
    value = chain.then("Softplus", [chain.then("Add", list(node.input[:2]))])
    chain.gives(node.output[0], "Mul", [value, node.input[2]])
    if input_at(node, 3):
        chain.gives(output_at(node, 1), "Sigmoid", [node.input[3]])
    return chain.nodes


STATES: Mapping[str, Meaning] = MappingProxyType(
    {
        "GatedDeltaNet": _delta_net,
        "Mamba2Verify": _mamba,
        "VarlenCausalConvWithState": _convolution,
        "LinearAttentionGate": _decay,
    }
)
