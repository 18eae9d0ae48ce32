"""A network with every width scaled alike, for families that have no widths among their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import gcd, lcm

from shufflenet_flops.spec import (
    BatchNorm,
    ChannelShuffle,
    ChannelSlice,
    Conv2d,
    Flatten,
    Join,
    Linear,
    Node,
    Number,
    Op,
    Seq,
    Shape,
    Visit,
    ZeroPadShortcut,
    walk,
)
from shufflenet_flops.spec.numbers import exact_div


def last_width(node: Node, x: Shape) -> int:
    """Channels of the last map: what the classifier, or its pool, reads."""
    visits = walk(node, x)
    classifier = _layers(visits)[-1]
    ends = (visit for visit in visits if isinstance(visit.op, Flatten) or visit is classifier)
    return int(next(ends).inputs[0][1])


def width_step(node: Node, x: Shape, groups: int | None = None) -> int:
    """`widen(node, x, c, groups=groups)` is a network if and only if this divides c."""
    reference = last_width(node, x)
    step = 1
    for visit, widths in _scaled_widths(node, x):
        split = 1
        if isinstance(visit.op, Conv2d) and _grouped(visit.op):
            split = visit.op.groups if groups is None else groups
        for width in widths:
            step = lcm(step, reference * split // gcd(width, reference * split))
    return step


def widen(
    node: Node, x: Shape, c: Number, *, groups: Number | None = None, classes: Number | None = None
) -> Node:
    """`node` with every width times c / `last_width`: c is an int, a symbol or an array.

    The image's channels stay as they are. So do the groups of grouped convolutions and the classes
    unless they are given; a depthwise convolution stays depthwise. `node` itself is of ints.
    Raises SpecError for widths that are not whole or that groups do not divide.
    """
    reference = last_width(node, x)
    layers = _layers(walk(node, x))
    first, last = layers[0].path, layers[-1].path
    widths: dict[int, Number] = {}
    ops: dict[tuple[Op, bool, bool], Op] = {}

    def scale(width: int) -> Number:
        if width not in widths:
            widths[width] = exact_div(width * c, reference)
        return widths[width]

    def op_at(path: str, op: Op) -> Op:
        key = (op, path == first, path == last)
        if key not in ops:
            wider = _widened(op, scale, groups, is_first=key[1], is_last=key[2])
            ops[key] = _with_classes(wider, classes) if key[2] and classes is not None else wider
        return ops[key]

    return _rebuilt(node, "", op_at)


def _widened(
    op: Op,
    scale: Callable[[int], Number],
    groups: Number | None,
    *,
    is_first: bool,
    is_last: bool,
) -> Op:
    match op:
        case Conv2d():
            c_in = op.c_in if is_first else scale(op.c_in)
            split = c_in if _depthwise(op) else op.groups
            if _grouped(op) and groups is not None:
                split = groups
            return replace(
                op, c_in=c_in, c_out=op.c_out if is_last else scale(op.c_out), groups=split
            )
        case Linear():
            features_out = op.features_out if is_last else scale(op.features_out)
            return replace(op, features_in=scale(op.features_in), features_out=features_out)
        case BatchNorm():
            return BatchNorm(scale(op.channels))
        case ZeroPadShortcut():
            return replace(op, c_out=scale(op.c_out))
        case ChannelSlice() | ChannelShuffle():
            # No family that is widened here has them; a guess would be a wrong count.
            raise NotImplementedError(f"{type(op).__name__} has no rule: give the family its own")
        case _:
            return op


def _with_classes(op: Op, classes: Number) -> Op:
    return replace(op, **{"c_out" if isinstance(op, Conv2d) else "features_out": classes})


def _layers(visits: list[Visit]) -> list[Visit]:
    return [visit for visit in visits if isinstance(visit.op, Conv2d | Linear)]


def _depthwise(op: Conv2d) -> bool:
    return bool(op.groups == op.c_in and op.groups > 1)


def _grouped(op: Conv2d) -> bool:
    return bool(op.groups > 1) and not _depthwise(op)


def _rebuilt(node: Node, path: str, op_at: Callable[[str, Op], Op]) -> Node:
    def children(named: tuple[tuple[str, Node], ...]) -> tuple[tuple[str, Node], ...]:
        return tuple(
            (name, _rebuilt(child, f"{path}.{name}" if path else name, op_at))
            for name, child in named
        )

    if isinstance(node, Seq):
        return Seq(children(node.children))
    if isinstance(node, Join):
        return type(node)(children(node.branches), children(node.after))
    return op_at(path, node)


def _scaled_widths(node: Node, x: Shape) -> list[tuple[Visit, tuple[int, ...]]]:
    """Each convolution and linear layer with those of its widths that `widen` scales."""
    layers = _layers(walk(node, x))
    found = []
    for visit in layers:
        before, after = visit.inputs[0][1], visit.output[1]
        widths = () if visit is layers[0] else (before,)
        found.append((visit, widths if visit is layers[-1] else (*widths, after)))
    return found
