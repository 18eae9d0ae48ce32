"""From an ONNX graph whose shapes are known to rows."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Row, Table
from shufflenet_flops.counting.op_classes import NATURES, Work, work_of
from shufflenet_flops.sources.onnx.layout import (
    Strides,
    contiguous,
    expanded,
    is_dense,
    permuted,
    sliced,
    viewed,
)
from shufflenet_flops.sources.onnx.rules import FIRST_INPUT_ONLY, FORMULAS, FREE, OPS, Operand
from shufflenet_flops.sources.source import Counted
from shufflenet_flops.spec import OpClass

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

NAMESPACES = ("", "ai.onnx")


def count_graph(
    graph: GraphProto, operands: Mapping[str, Operand], parameters: Mapping[str, int]
) -> Counted:
    """Rows of the graph's nodes in the order of the file, which is one they can run in.

    `operands` are the values whose shapes are known, `parameters` the elements of each initializer
    that is trained.
    """
    reader = _Reader(dict(operands), parameters)
    for node in graph.node:
        reader.read(node)
    return Counted(Table(tuple(reader.rows)), sum(parameters.values()), dict(reader.unknown))


class _Reader:
    """Goes through the nodes of a graph and keeps what is known of its values."""

    def __init__(self, operands: dict[str, Operand], parameters: Mapping[str, int]) -> None:
        self.rows: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self._operands = operands
        self._parameters = parameters
        self._counted: set[str] = set()
        self._strides: dict[str, Strides] = {}  # of values that are not contiguous
        # What is worked out from initializers alone, and from which. It is ready before an input
        # comes, and so has no row.
        self._ready = {
            name: frozenset({name}) for name, operand in operands.items() if operand.is_weight
        }

    def read(self, node: NodeProto) -> None:
        """Add the node's row, if it has one."""
        known = node.domain in NAMESPACES
        formula = FORMULAS.get(node.op_type) if known else None
        free = known and node.op_type in FREE
        names = [name for name in node.input if name]
        describes = node.op_type in ("Shape", "Size")
        if (formula or free) and (describes or all(name in self._ready for name in names)):
            made_of = self._made_of(() if describes else names)
            self._ready.update((name, made_of) for name in node.output)
            return
        if free:
            self._rename(node)
            return
        if formula is None or not all(name in self._operands for name in (*names, node.output[0])):
            self.unknown[_label(node, has_rule=formula is not None)] += 1
            return
        xs = [self._operand(name) if name else None for name in node.input]
        y = self._operands[node.output[0]]
        try:
            work = formula(_attributes(node), xs, y)
        except NotImplementedError:
            self.unknown[node.op_type] += 1
            return
        self._keep_layout(node, xs, y)
        data = dict(zip(node.input, xs, strict=True))
        if node.op_type in FIRST_INPUT_ONLY:
            data = {node.input[0]: xs[0]}
        self._add(node, work, {name: x for name, x in data.items() if x is not None}, y)

    def _add(self, node: NodeProto, work: Work, inputs: Mapping[str, Operand], y: Operand) -> None:
        weights = self._made_of(name for name in inputs if name in self._ready) - self._counted
        self._counted |= weights
        # A constant without axes is a number in the code, as in `2 * x`: no tensor is read.
        tensors = [x for x in inputs.values() if x.shape or not x.is_weight]
        read = sum(x.size_bytes for x in tensors)
        if work.fetched is not None:
            table = next(iter(inputs.values()))
            read += work.fetched * table.itemsize - table.size_bytes
        self.rows.append(
            Row(
                path=_path(node),
                op=work.op,
                kind=work.kind,
                inputs=tuple(x.shape for x in tensors if not x.is_weight),
                output=y.shape,
                counts=work.counts,
                params=sum(self._parameters.get(name, 0) for name in weights),
                read_bytes=read,
                write_bytes=y.size_bytes,
                kernel=work.kernel,
                stride=work.stride,
                groups=work.groups,
            )
        )

    def _made_of(self, names: Iterable[str]) -> frozenset[str]:
        """The initializers that these values were worked out from."""
        return frozenset[str]().union(*(self._ready[name] for name in names))

    def _operand(self, name: str) -> Operand:
        return replace(self._operands[name], is_weight=name in self._ready)

    def _rename(self, node: NodeProto) -> None:
        """A free operator: a view, or a copy where torch would have to make one."""
        x = self._operands.get(node.input[0])
        if x is None or node.output[0] not in self._operands:
            return
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
            return permuted(strides, _attributes(node).get("perm"))
        if node.op_type == "Expand":
            return expanded(x.shape, strides, y.shape)
        if node.op_type == "Slice":
            axes, steps = (
                self._operands[node.input[i]].values if len(node.input) > i else None
                for i in (3, 4)
            )
            if not steps:
                return strides
            every = axes or range(len(steps))
            return sliced(strides, [int(axis) for axis in every], [int(step) for step in steps])
        if x.shape == y.shape or node.op_type == "Split":
            return strides
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


def _label(node: NodeProto, *, has_rule: bool) -> str:
    name = node.op_type if node.domain in NAMESPACES else f"{node.domain}.{node.op_type}"
    return f"{name} on a shape that depends on values" if has_rule else name


def _attributes(node: NodeProto) -> dict[str, Any]:
    """Numbers and texts; formulas ask for nothing else."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == attribute.INT:
            found[attribute.name] = attribute.i
        elif attribute.type == attribute.FLOAT:
            found[attribute.name] = attribute.f
        elif attribute.type == attribute.INTS:
            found[attribute.name] = list(attribute.ints)
        elif attribute.type == attribute.STRING:
            found[attribute.name] = attribute.s.decode()
    return found


def _path(node: NodeProto) -> str:
    """The path of the torch module that a node was exported from, else the node's own name."""
    for item in node.metadata_props:
        if item.key == "pkg.torch.onnx.name_scopes":
            return _scope(item.value)
    if not node.name.startswith("/"):
        return node.name or node.output[0]
    names: list[str] = []
    for name in node.name.split("/")[1:-1]:
        # `/stage2/stage2.0/branch`: a child of a list repeats the list's name.
        if names and name.startswith(f"{names[-1]}."):
            names.pop()
        names.append(name)
    return ".".join(names)


def _scope(text: str) -> str:
    """`stage2.0` of `['', 'stage2', 'stage2.0', 'conv2d']`, where the last is the op itself."""
    try:
        scopes = ast.literal_eval(text)
        return str(scopes[-2]) if len(scopes) > 1 else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
