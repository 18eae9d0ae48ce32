"""From an ONNX graph whose shapes are known to rows."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from shufflenet_flops.counting import Row
from shufflenet_flops.counting.op_classes import NATURES, Work, work_of
from shufflenet_flops.counting.row import MAC_KINDS
from shufflenet_flops.sources.onnx.chain import attributes_of
from shufflenet_flops.sources.onnx.elements import INT64, itemsize
from shufflenet_flops.sources.onnx.inference import Inference
from shufflenet_flops.sources.onnx.layout import (
    Strides,
    contiguous,
    expanded,
    is_dense,
    permuted,
    sliced,
    viewed,
)
from shufflenet_flops.sources.onnx.operand import Formula, NotToldError, Operand
from shufflenet_flops.sources.onnx.parameters import Parameters
from shufflenet_flops.sources.onnx.rules import (
    FIRST_INPUT_ONLY,
    FORMULAS,
    FREE,
    OPS,
    SIZED_BY_VALUES,
)
from shufflenet_flops.sources.onnx.schemas import NAMESPACES, naming, operator_name
from shufflenet_flops.sources.onnx.uncounted import REASONS
from shufflenet_flops.spec import OpClass, shape_text

if TYPE_CHECKING:
    from onnx import NodeProto


class Reader:
    """Goes through the nodes of a graph, once their shapes are inferred, and makes rows of them."""

    def __init__(self, inference: Inference, parameters: Parameters) -> None:
        self.rows: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self._operands = inference.operands
        self._reasons = inference.reasons
        self._sizes = inference.sizes
        self._is_text = inference.is_text
        self._parameters = parameters
        self._strides: dict[str, Strides] = {}  # of values that are not contiguous
        # What is worked out from initializers alone. It is ready before an input comes, and has a
        # row only where it is a product: a module that multiplies its weights does so in each run.
        self._ready: set[str] = set()

    def read(self, node: NodeProto) -> None:
        """Add the node's row, if it has one. Raises InputError where the node is malformed."""
        with naming(node):
            self._read(node)

    def _read(self, node: NodeProto) -> None:
        known = node.domain in NAMESPACES
        formula = FORMULAS.get(node.op_type) if known else None
        free = known and node.op_type in FREE
        names = [name for name in node.input if name]
        if known and node.op_type in ("Shape", "Size"):
            self._ready.update(node.output)
            return
        if (formula or free) and all(map(self.is_ready, names)):
            self._ready.update(node.output)
            if node.op_type == "PackedWeight" and node.output[0] in self._operands:
                self._parameters.unpack(node.input[0], self._operands[node.output[0]].elements)
            if not self._is_product(node, formula):
                self._parameters.derive(node)
                return
        if free:
            self._parameters.note(node)
            self._rename(node)
            return
        outputs = [name for name in node.output if name]
        y = self._result(node, outputs)
        unclear = [name for name in names if not (name in self._operands or self._is_text(name))]
        unclear += [name for name in outputs[:1] if y is None]
        if formula is None or unclear or y is None:
            reason = f" on a shape that {self._reasons[unclear[0]]}" if formula and unclear else ""
            told = REASONS.get((node.domain, node.op_type))
            self._note_unknown(node, f", {told}" if told else reason)
            return
        xs = [self._operand(name) if name in self._operands else None for name in node.input]
        try:
            work = formula(attributes_of(node), xs, y)
        except NotToldError as error:
            self._note_unknown(node, f", {error}")
            return
        self._parameters.note(node)
        self._keep_layout(node, xs, y)
        data = dict(zip(node.input, xs, strict=True))
        if node.op_type in FIRST_INPUT_ONLY:
            data = {node.input[0]: xs[0]}
        self._add(node, work, {name: x for name, x in data.items() if x is not None}, y)

    def _note_unknown(self, node: NodeProto, why: str) -> None:
        self.unknown[f"{operator_name(node)}{why}"] += 1

    def _add(self, node: NodeProto, work: Work, inputs: Mapping[str, Operand], y: Operand) -> None:
        if min(work.counts.values(), default=0) < 0:
            raise ValueError("its work comes to less than nothing")
        # A constant without axes is a number in the code, as in `2 * x`: no tensor is read.
        tensors = [x for x in inputs.values() if x.shape or not x.is_weight]
        read = sum(
            self._distinct_bytes(name, x)
            for name, x in inputs.items()
            if x.shape or not x.is_weight
        )
        if work.fetched is not None:
            table = next(iter(inputs.values()))
            read += work.fetched * table.itemsize - table.size_bytes
        self.rows.append(
            Row(
                path=path_of(node),
                op=work.op,
                kind=work.kind,
                inputs=tuple(x.shape for x in tensors if not x.is_weight),
                output=y.shape,
                counts=work.counts,
                params=self._parameters.of_row(node, work.kind),
                read_bytes=read,
                write_bytes=y.size_bytes,
                kernel=work.kernel,
                stride=work.stride,
                groups=work.groups,
            )
        )

    def _result(self, node: NodeProto, outputs: Sequence[str]) -> Operand | None:
        """The first result; with nothing along the axes whose sizes values decide."""
        if not outputs:
            return None
        sizes = self._sizes(outputs[0])
        if outputs[0] in self._operands or node.op_type not in SIZED_BY_VALUES or sizes is None:
            return self._operands.get(outputs[0])
        return Operand(tuple(size or 0 for size in sizes), itemsize(INT64))

    def _distinct_bytes(self, name: str, x: Operand) -> int:
        """What reading it moves: an expanded axis shows the same elements again."""
        strides = self._strides.get(name)
        if strides is None or x.packed_bytes is not None:
            return x.size_bytes
        return prod(size for size, step in zip(x.shape, strides, strict=True) if step) * x.itemsize

    def is_ready(self, name: str) -> bool:
        """Whether only initializers went into a value."""
        operand = self._operands.get(name)
        return name in self._ready or (operand is not None and operand.is_weight)

    def _is_product(self, node: NodeProto, formula: Formula | None) -> bool:
        """Whether it has multiply-accumulates of weights alone, on shapes that are known."""
        if formula is None or any(name and name not in self._operands for name in node.input):
            return False
        y = self._operands.get(node.output[0])
        xs = [self._operand(name) if name else None for name in node.input]
        return y is not None and formula(attributes_of(node), xs, y).kind in MAC_KINDS

    def _operand(self, name: str) -> Operand:
        return replace(self._operands[name], is_weight=self.is_ready(name))

    def _rename(self, node: NodeProto) -> None:
        """A free operator: a view, or a copy where torch would have to make one."""
        x = self._operands.get(node.input[0])
        if x is None or node.output[0] not in self._operands:
            return
        if node.op_type == "Reshape" and self._operands[node.output[0]].elements != x.elements:
            shape = self._operands[node.output[0]].shape
            raise ValueError(f"{shape_text(x.shape)} cannot become {shape_text(shape)}")
        strides = self._strides.get(node.input[0], contiguous(x.shape))
        for name in node.output:
            y = self._operands.get(name)
            if y is None:
                continue
            view = self._view(node, x, strides, y)
            if view is None:
                self._add(node, work_of("clone", y.elements), {node.input[0]: x}, y)
            else:
                self._strides[name] = view

    def _view(self, node: NodeProto, x: Operand, strides: Strides, y: Operand) -> Strides | None:
        if node.op_type == "Transpose":
            return permuted(strides, attributes_of(node).get("perm"))
        if node.op_type == "Expand":
            return expanded(x.shape, strides, y.shape)
        if node.op_type == "Slice":
            axes, steps = (
                self._operands[node.input[i]].values
                if len(node.input) > i and node.input[i] in self._operands
                else None
                for i in (3, 4)
            )
            if not steps:
                return strides
            every = axes or range(len(steps))
            return sliced(strides, [int(axis) for axis in every], [int(step) for step in steps])
        if x.shape == y.shape or node.op_type == "Split":
            return strides
        if node.op_type in ("PackedWeight", "Unpacked"):
            return contiguous(y.shape)
        return viewed(x.shape, strides, y.shape)

    def _keep_layout(self, node: NodeProto, xs: Sequence[Operand | None], y: Operand) -> None:
        """Arithmetic by element writes its result in the order of its (first) operand."""
        op = OPS.get(node.op_type)
        if op is None or NATURES[op].op_class not in _KEEPING:
            return
        for name, x in zip(node.input, xs, strict=True):
            strides = self._strides.get(name)
            if x is not None and x.shape == y.shape:
                if strides is not None and is_dense(x.shape, strides):
                    self._strides[node.output[0]] = strides
                return


_KEEPING = (
    OpClass.ADD_ELEMENTS,
    OpClass.MUL_ELEMENTS,
    OpClass.ELEMENTWISE_ELEMENTS,
    OpClass.ACTIVATION_ELEMENTS,
)


def is_free(node: NodeProto) -> bool:
    """Whether the node is an operator that renames what it is given, or makes no tensor."""
    return node.domain in NAMESPACES and node.op_type in FREE


def has_rule(node: NodeProto) -> bool:
    """Whether the node is an operator of ONNX's own that is counted, or known to be free."""
    return is_free(node) or (node.domain in NAMESPACES and node.op_type in FORMULAS)


def path_of(node: NodeProto) -> str:
    """The path of the torch module that a node was exported from, else the node's own name."""
    for item in node.metadata_props:
        if item.key == "pkg.torch.onnx.name_scopes":
            return _scope(item.value)
    whole = _text(node.name or node.output[0])
    if not whole.startswith("/"):
        return whole
    names: list[str] = []
    for name in whole.split("/")[1:-1]:
        # `/stage2/stage2.0/branch`: a child of a list repeats the list's name.
        if names and name.startswith(f"{names[-1]}."):
            names.pop()
        names.append(name)
    return ".".join(names)


def _text(name: str | bytes) -> str:
    """A name, which protobuf gives as bytes where it is not in UTF-8."""
    return name if isinstance(name, str) else name.decode("utf-8", "replace")


def _scope(text: str) -> str:
    """`stage2.0` of `['', 'stage2', 'stage2.0', 'conv2d']`, where the last is the op itself."""
    try:
        scopes = ast.literal_eval(text)
        return str(scopes[-2]) if len(scopes) > 1 else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
