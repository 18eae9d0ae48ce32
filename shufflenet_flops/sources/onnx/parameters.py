"""Which tensors of a graph are parameters: what was learned, however it is written.

A file does not say. Here they are the tensors with axes that work is done with: numbers with a
fraction, and numbers of a byte or less that stand for them. Running statistics, scales and zero
points, bounds, sizes, indices and masks are none; nor is a single number in a Constant node, which
stood in the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.row import MAC_KINDS
from shufflenet_flops.sources.onnx.elements import FRACTIONAL, INT32, NARROW
from shufflenet_flops.sources.onnx.rules import FIRST_INPUT_ONLY

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

_QUANTIZED_PAIR = frozenset({1, 2, 4, 5, 6, 7})
# Inputs that say how something is done.
_SETTINGS: Mapping[str, frozenset[int]] = {
    "BatchNormalization": frozenset({3, 4}),
    "QuantizeLinear": frozenset({1, 2}),
    "DequantizeLinear": frozenset({1, 2}),
    "QLinearConv": _QUANTIZED_PAIR,
    "QLinearMatMul": _QUANTIZED_PAIR,
    "MatMulInteger": frozenset({2, 3}),
    "ConvInteger": frozenset({2, 3}),
    "Where": frozenset({0}),
    "NonMaxSuppression": frozenset({2, 3, 4}),
    "STFT": frozenset({1, 2, 3}),
    **dict.fromkeys(FIRST_INPUT_ONLY, frozenset(range(1, 8))),
}
_MASKED = -1e4  # no learned number is so low that a softmax never sees the element


def data_inputs(node: NodeProto) -> list[str]:
    """The inputs that the node works with, without those that only say how."""
    settings = _SETTINGS.get(node.op_type, ())
    return [name for i, name in enumerate(node.input) if name and i not in settings]


@dataclass
class Parameters:
    """The tensors that a graph holds, and which of them turned out to be parameters."""

    _held: dict[str, tuple[TensorProto, int]] = field(default_factory=dict)
    _made_of: dict[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _scales: set[str] = field(default_factory=set)
    _packed: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def hold(self, name: str, tensor: TensorProto, elements: int, *, in_node: bool) -> None:
        """Take note of a tensor of the file."""
        if tensor.dims and (elements > 1 or not in_node):
            self._held[name] = (tensor, elements)

    def derive(self, node: NodeProto) -> None:
        """Take note of what is worked out from tensors of the file alone."""
        made = (tuple(data_inputs(node)), node.op_type in ("DequantizeLinear", "PackedWeight"))
        self._made_of.update((name, made) for name in node.output if name)
        self.note(node)

    def unpack(self, name: str, numbers: int) -> None:
        """Take note of how many numbers a tensor holds, of which several share an element."""
        self._packed[name] = numbers

    def set_by(self, names: Iterable[str]) -> None:
        """Take note of scales and zero points, which are no parameters."""
        self._seen.update(names)

    def note(self, node: NodeProto) -> None:
        """Take note of what a node is set by, which is no parameter."""
        self._seen.update(set(node.input) - set(data_inputs(node)))
        if node.op_type == "DynamicQuantizeLinear":
            self._scales.update(node.output[1:])
        integer = node.op_type in ("MatMulInteger", "ConvInteger")
        if integer or (node.op_type == "Cast" and node.input[0] in self._scales):
            self._scales.update(node.output)

    def of_row(self, node: NodeProto, kind: Kind) -> int:
        """The parameters that this node is the first to work with."""
        if node.op_type == "Mul" and not self._scales.isdisjoint(node.input):
            self._seen.update(node.input)  # the scales of a product of whole numbers
            return 0
        learned = 0
        weighing = kind in MAC_KINDS
        pending = [(name, weighing) for name in data_inputs(node)]
        while pending:
            name, narrow = pending.pop()
            if name in self._seen:
                continue
            self._seen.add(name)
            if name in self._held:
                learned += self._learned(
                    name, narrow, adding=node.op_type in ("Add", "Where", "Sub")
                )
            elif name in self._made_of:
                names, dequantized = self._made_of[name]
                pending += [(other, narrow or dequantized) for other in names]
        self.total += learned
        return learned

    def _learned(self, name: str, narrow: bool, *, adding: bool) -> int:
        tensor, elements = self._held[name]
        elements = self._packed.get(name, elements)
        if tensor.data_type == INT32 and narrow:
            return elements
        if tensor.data_type not in FRACTIONAL | NARROW or (adding and _is_mask(tensor)):
            return 0
        return elements

    def rest(self) -> int:
        """Parameters that no row works with: those of operators that are not understood."""
        return sum(
            self._learned(name, False, adding=False) for name in self._held.keys() - self._seen
        )


def _is_mask(tensor: TensorProto) -> bool:
    """Whether every number either changes nothing or is far below what could be learned."""
    from onnx import numpy_helper

    if tensor.external_data:
        return False
    try:
        values: Any = numpy_helper.to_array(tensor).astype("float32")
    except (ValueError, TypeError, LookupError):
        return False
    low = values <= _MASKED
    return bool(low.any() and ((values == 0) | low).all())
