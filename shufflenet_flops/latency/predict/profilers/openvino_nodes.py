"""The nodes of OpenVINO's runtime model as kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from shufflenet_flops.latency.predict.compiled import BROADCAST, as_map, in_context
from shufflenet_flops.latency.predict.kernels import ACTIVATIONS, BYTES, Kernel
from shufflenet_flops.spec import conv_kind

IntShape = tuple[int, ...]
_NOTHING = ("Const", "Input", "Output")
_ACTIVATIONS = {
    **{"Relu": "relu", "Clamp": "relu6", "PRelu": "leaky_relu", "Sigmoid": "sigmoid"},
    **{"HSigmoid": "hardsigmoid", "HardSigmoid": "hardsigmoid", "Tanh": "tanh", "Swish": "silu"},
    **{"HSwish": "hardswish", "Gelu": "gelu", "Mish": "mish", "Elu": "elu"},
}
_EXPONENTIAL = {"Sigmoid", "Tanh", "Swish", "Gelu", "Mish", "Elu", "Exp", "Erf", "SoftPlus"}
_LAST = ("MVN", "RMS", "Softmax")


def node_kernels(ordered: Sequence[Any], model: Any) -> list[Kernel | None]:
    """The kernel of each node of a runtime model, None of one that does nothing.

    `ordered` are its nodes as they run, `model` is what was compiled, by whose nodes it tells what
    each was made of.
    """
    known = {op.get_friendly_name(): op for op in model.get_ops()}
    places = {op.get_friendly_name(): place for place, op in enumerate(ordered)}
    notes = [_Notes(op, known) for op in ordered]
    before = []
    for op in ordered:
        inputs = [places[value.get_node().get_friendly_name()] for value in op.input_values()]
        before.append(next((place for place in inputs if notes[place].kind not in _NOTHING), -1))
    weights = sum(BYTES * prod(note.output) for note in notes if note.kind == "Const")
    kernels = [
        _kernel(note, notes[place].layout if place >= 0 else "")
        for note, place in zip(notes, before, strict=True)
    ]
    # Constants stand between the others, and are not run.
    running = [place for place, kernel in enumerate(kernels) if kernel is not None]
    number = {place: i for i, place in enumerate(running)}
    found = in_context(
        [kernels[place] for place in running],
        [number.get(before[place], -1) for place in running],
        weights,
    )
    result: list[Kernel | None] = [None] * len(kernels)
    for place, kernel in zip(running, found, strict=True):
        result[place] = kernel
    return result


class _Notes:
    """What a node of the runtime model says of itself."""

    def __init__(self, op: Any, known: Mapping[str, Any]) -> None:
        info = op.get_rt_info()
        self.kind = info["layerType"].astype(str)
        self.how = info["primitiveType"].astype(str).rpartition("_")[0]
        self.layout = info["outputLayouts"].astype(str).partition(",")[0]
        self.inputs = [_shape(value) for value in op.input_values()]
        self.constant = [
            value.get_node().get_rt_info()["layerType"].astype(str) == "Const"
            for value in op.input_values()
        ]
        self.output = _shape(op.outputs()[0]) if op.outputs() else ()
        names = info["originalLayersNames"].astype(str).split(",")
        self.types = [
            _type(known[name]) if name in known else name.partition("_")[0] for name in names
        ]
        self.attributes: dict[str, Any] = {}
        for name in names:
            if name in known:
                self.attributes = known[name].get_attributes() | self.attributes

    @property
    def is_attention(self) -> bool:
        """Whether scores, softmax and weighted sum are one kernel, under either name."""
        named = self.kind == "ScaledDotProductAttention"
        whole = self.kind == "Subgraph" and "MatMul" in self.types
        return (named or whole) and len(self.inputs) > 2 and len(self.inputs[0]) > 2

    @property
    def activation(self) -> int:
        names = (_ACTIVATIONS[kind] for kind in self.types if kind in _ACTIVATIONS)
        return ACTIVATIONS.index(next(names, "none"))


def _type(op: Any) -> str:
    """The type of a node of the graph that was compiled; x * sigmoid(x) is the swish that it is."""
    kind: str = op.get_type_name()
    if kind == "Multiply":
        for gate, other in ((0, 1), (1, 0)):
            node = op.input_value(gate).get_node()
            if (
                node.get_type_name() == "Sigmoid"
                and node.input_value(0).get_node().get_friendly_name()
                == op.input_value(other).get_node().get_friendly_name()
            ):
                return "Swish"
    return kind


def _shape(value: Any) -> IntShape:
    return tuple(int(size.get_length()) for size in value.get_partial_shape())


def _kernel(note: _Notes, layout: str) -> Kernel | None:
    """`layout` is that of the first input."""
    if note.kind in _NOTHING or not note.inputs or not note.output:
        return None
    if note.kind == "Convolution" and len(note.inputs[0]) == 4:
        return _conv(note)
    if note.kind == "FullyConnected":
        c_in, c_out, tokens = note.inputs[0][-1], note.output[-1], prod(note.output[:-1])
        sizes = (1, c_in, tokens, 1, c_out, tokens, 1)
        return Kernel(f"linear/{note.how}", *sizes, activation=note.activation)
    if note.kind == "MatMul" and len(note.output) > 1:
        *batch, h, c_out = note.output
        c_in = prod(note.inputs[0]) // max(prod(batch) * h, 1)
        return Kernel(f"matmul/{note.how}", prod(batch), c_in, h, 1, c_out, h, 1)
    if note.is_attention:
        *batch, queries, size = note.inputs[0]
        heads = prod(batch)
        keys = prod(note.inputs[1]) // max(heads * size, 1)
        return Kernel(f"attention/{note.how}", heads, size, keys, 1, size, queries, 1)
    return _other(note, layout)


def _conv(note: _Notes) -> Kernel:
    (n, c_in, h_in, w_in), weight = note.inputs[0], note.inputs[1]
    _, c_out, h_out, w_out = note.output
    groups = weight[0] if len(weight) == 5 else 1
    k_h, k_w = weight[-2:]
    stride = max(1, round(h_in / h_out))
    base = conv_kind(c_in, (k_h, k_w), groups).value
    added = int(any(x == note.output for x in note.inputs[2:]))
    sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, k_h, k_w, stride, groups)
    return Kernel(f"{base}/{note.how}", *sizes, activation=note.activation, added=added)


def _other(note: _Notes, layout: str) -> Kernel:
    """Work on elements, pools, norms and moves; of a chain, `activation` is how many it has."""
    kind = f"{note.kind}/{note.how}"
    data = [x for x, fixed in zip(note.inputs, note.constant, strict=True) if not fixed]
    x = max(data or note.inputs, key=prod)
    n, c_in, h_in, w_in = as_map(x, note.kind in _LAST)
    _, c_out, h_out, w_out = as_map(note.output, note.kind in _LAST)
    whole = sum(prod(other) == prod(note.output) for other in data)
    if note.kind in BROADCAST:
        kind += " exponential" if _EXPONENTIAL & set(note.types) else ""
        kind += " broadcast" if len(data) > 1 and whole < 2 else ""
    if note.kind in ("Reorder", "Transpose"):
        kind += f" {layout}>{note.layout}"
    if note.kind == "Concatenation":
        c_in, h_in, w_in, whole = c_out, h_out, w_out, len(data)
    k_h, k_w = (*note.attributes.get("kernel", ()), 1, 1)[:2]
    stride = max(1, round(h_in / max(h_out, 1))) if note.kind == "Pooling" else 1
    sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, int(k_h), int(k_w), stride, 1)
    chain = min(len(note.types), len(ACTIVATIONS))
    return Kernel(kind, *sizes, operands=max(whole, 1), activation=chain)
