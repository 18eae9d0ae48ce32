"""The tree of a network and the one walk that every reading of it uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from shufflenet_flops.errors import SpecError
from shufflenet_flops.spec.numbers import Shape, is_no_number, whole
from shufflenet_flops.spec.ops import AddOp, ConcatOp, Op, ScaleOp, pair, shape_text
from shufflenet_flops.spec.window_ops import AddMaskOp, CropOp, WindowAttentionOp


@dataclass(frozen=True)
class Seq:
    """Children run one after the other."""

    children: tuple[tuple[str, Node], ...]

    def __post_init__(self) -> None:
        _check_children(self.children)


@dataclass(frozen=True)
class Join:
    """Branches that all read the same input, merged into one output, then `after` in sequence."""

    branches: tuple[tuple[str, Node], ...]
    after: tuple[tuple[str, Node], ...] = ()

    op: ClassVar[Op]
    number: ClassVar[int | None] = 2  # of branches; None where any number of them can be merged

    def __post_init__(self) -> None:
        _check_children(self.branches)
        if self.after:  # which are modules beside the branches
            _check_children(self.after)
            _check_children(self.branches + self.after)
        self._check_number()

    def _check_number(self) -> None:
        given = len(self.branches)
        if given == self.number or (given and self.number is None):
            return
        name = type(self).__name__
        what = f"{name} takes {'two branches' if self.number else 'a branch or more'}, got {given}"
        if given > 2:
            raise SpecError(f"{what}: make {name} of two, and again of that and the next")
        raise SpecError(f"{what}: a shortcut is a branch, too, as an Identity()")


class Add(Join):
    """The sum of two branches: the join of a residual unit."""

    op = AddOp()


class Concat(Join):
    """The branches' channels side by side, in order."""

    op = ConcatOp()
    number = None


class Scale(Join):
    """The first branch scaled per channel by the second: squeeze and excitation."""

    op = ScaleOp()


class AddMask(Join):
    """The relative positions of a window's tokens, and the mask of shifted windows."""

    op = AddMaskOp()


class WindowAttention(Join):
    """Queries, keys and values, and the bias of their scores: attention within windows."""

    op = WindowAttentionOp()


class Crop(Join):
    """The first branch's map, cut to the size of the second's: what was padded is dropped."""

    op = CropOp()


Node: TypeAlias = Op | Seq | Join


def seq(*positional: Node, **named: Node) -> Seq:
    """A Seq of `positional` children named "0", "1", … and then of the `named` ones."""
    return Seq((*((str(i), node) for i, node in enumerate(positional)), *named.items()))


class Visit(NamedTuple):
    """One op met on a walk: its module path, the op, its input shapes and its output shape."""

    path: str
    op: Op
    inputs: tuple[Shape, ...]
    output: Shape


def walk(node: Node, x: Shape) -> list[Visit]:
    """Every op of `node` in the order it runs on an input of shape `x` (batch first).

    Shapes may be ints, symbols or arrays. Raises SpecError with the path of the op that cannot run.
    """
    _check_shape(x)
    visits: list[Visit] = []
    _walk(node, x, "", visits)
    return visits


def output_shape(node: Node, x: Shape) -> Shape:
    """The shape that `node` makes of an input of shape `x`."""
    _check_shape(x)
    return _walk(node, x, "", [])


def total_stride(node: Node) -> tuple[int, int]:
    """How much smaller the map gets along height and width: the product of all strides."""
    if isinstance(node, Seq):
        return _product(total_stride(child) for _, child in node.children)
    if isinstance(node, Join):
        branches = [total_stride(child) for _, child in node.branches]
        merged = tuple(max(axis) for axis in zip(*branches, strict=True))
        return _product([merged, *(total_stride(child) for _, child in node.after)])
    stride = getattr(node, "stride", None)
    if stride is None:  # as most ops have none
        return 1, 1
    h, w = pair(stride)
    return whole(h), whole(w)


def _product(strides: Iterable[tuple[int, ...]]) -> tuple[int, int]:
    h = w = 1
    for stride in strides:
        h, w = h * stride[0], w * stride[1]
    return h, w


def _walk(node: Node, x: Shape, path: str, visits: list[Visit]) -> Shape:
    if isinstance(node, Seq):
        for name, child in node.children:
            x = _walk(child, x, _under(path, name), visits)
        return x
    if isinstance(node, Join):
        outputs = tuple(
            _walk(child, x, _under(path, name), visits) for name, child in node.branches
        )
        x = _visit(node.op, outputs, path, visits)
        for name, child in node.after:
            x = _walk(child, x, _under(path, name), visits)
        return x
    return _visit(node, (x,), path, visits)


def _visit(op: Op, xs: tuple[Shape, ...], path: str, visits: list[Visit]) -> Shape:
    try:
        y = op.output(*xs)
    except SpecError as error:
        where = f"{path or type(op).__name__} on input {shape_text(xs[0])}"
        raise SpecError(f"{where}: {error}", error.invalid) from None
    except (AttributeError, TypeError, IndexError, ValueError):
        if isinstance(op, Op):
            raise
        raise SpecError(
            f"{path or 'the network'} is {op!r}: it must be an op, such as Conv2d(3, 8), a Seq or "
            "a join, such as Add"
        ) from None
    visits.append(Visit(path, op, xs, y))
    return y


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _check_shape(x: Shape) -> None:
    if not isinstance(x, tuple | list) or not x or any(map(is_no_number, x)):
        raise SpecError(
            f"the input {x!r} must be a shape of whole numbers, batch first, as (1, 3, 224, 224) is"
        )


def _check_children(children: tuple[tuple[str, Node], ...]) -> None:
    if not isinstance(children, tuple):
        raise SpecError(f"{children!r} must be a tuple of pairs (name, node)")
    try:
        names = [name for name, _ in children]
    except (TypeError, ValueError):
        raise SpecError(
            f"{children!r} must be pairs (name, node); seq(...) names its nodes by itself"
        ) from None
    for name in names:
        if not isinstance(name, str) or not name or "." in name:
            raise SpecError(f"{name!r} cannot name a module: it must be a text without dots")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"two children are named {twice!r}")
