"""From an ONNX graph whose shapes are known to rows."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Row, Table
from shufflenet_flops.sources.onnx.rules import FREE, RULES, Operand
from shufflenet_flops.sources.source import Counted

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

NAMESPACES = ("", "ai.onnx")


def count_graph(
    graph: GraphProto, operands: Mapping[str, Operand], parameters: Mapping[str, int]
) -> Counted:
    """Rows of the graph's nodes in the order of the file, which is one they can run in.

    `operands` are the values whose shapes are known, `parameters` the elements of each initializer
    that is trained. What is worked out from initializers alone is ready before an input comes, and
    so has no row.
    """
    ready = {name: frozenset({name}) for name, operand in operands.items() if operand.is_weight}
    counted: set[str] = set()
    unknown: Counter[str] = Counter()
    rows: list[Row] = []
    for node in graph.node:
        rule = RULES.get(node.op_type) if node.domain in NAMESPACES else None
        free = node.op_type in FREE and node.domain in NAMESPACES
        names = [name for name in node.input if name]
        describes = node.op_type in ("Shape", "Size")
        if (rule or free) and (describes or all(name in ready for name in names)):
            made_of = () if describes else names
            weights = frozenset[str]().union(*(ready[name] for name in made_of))
            ready.update((name, weights) for name in node.output)
            continue
        if free:
            continue
        needed = [*names, *node.output[:1]]
        if rule is None or not all(name in operands for name in needed):
            unknown[_label(node, has_rule=rule is not None)] += 1
            continue
        xs = [_operand(name, operands, ready) if name else None for name in node.input]
        y = operands[node.output[0]]
        try:
            work = rule(_attributes(node), xs, y)
        except NotImplementedError:
            unknown[node.op_type] += 1
            continue
        weights = frozenset[str]().union(*(ready[name] for name in names if name in ready))
        weights -= counted
        counted |= weights
        inputs = {name: x for name, x in zip(node.input, xs, strict=True) if x is not None}
        rows.append(
            Row(
                path=_path(node),
                op=work.op,
                kind=work.kind,
                inputs=tuple(x.shape for x in inputs.values() if not x.is_weight),
                output=y.shape,
                counts=work.counts,
                params=sum(parameters.get(name, 0) for name in weights),
                read_bytes=sum(x.elements * x.itemsize for x in inputs.values()),
                write_bytes=y.elements * y.itemsize,
                kernel=work.kernel,
                stride=work.stride,
                groups=work.groups,
            )
        )
    return Counted(Table(tuple(rows)), sum(parameters.values()), dict(unknown))


def _operand(
    name: str, operands: Mapping[str, Operand], ready: Mapping[str, frozenset[str]]
) -> Operand:
    found = operands[name]
    return Operand(found.shape, found.itemsize, is_weight=name in ready)


def _label(node: NodeProto, *, has_rule: bool) -> str:
    name = node.op_type if node.domain in NAMESPACES else f"{node.domain}.{node.op_type}"
    return f"{name} on a shape that depends on values" if has_rule else name


def _attributes(node: NodeProto) -> dict[str, Any]:
    """Whole numbers and texts; rules ask for nothing else."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == attribute.INT:
            found[attribute.name] = attribute.i
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
