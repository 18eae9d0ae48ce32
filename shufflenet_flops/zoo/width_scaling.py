"""A network with every width scaled alike, for families that have no width among their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd, lcm

from shufflenet_flops.spec import (
    Attention,
    ChannelShuffle,
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
    walk,
)
from shufflenet_flops.spec.numbers import exact_div, is_equal, whole
from shufflenet_flops.spec.window_ops import MergeHeads


@dataclass(frozen=True)
class Scalable:
    """A network of ints, and how wide it is; `x` is its input, batch first."""

    node: Node
    x: Shape

    @cached_property
    def visits(self) -> list[Visit]:
        """Its ops in the order they run."""
        return walk(self.node, self.x)

    @cached_property
    def layers(self) -> list[Visit]:
        """Its convolutions and linear layers."""
        return [visit for visit in self.visits if isinstance(visit.op, Conv2d | Linear)]

    @cached_property
    def first(self) -> frozenset[str]:
        """Paths of the layers that read the image, whose channels no width changes."""
        return frozenset(visit.path for visit in self.layers if visit.inputs[0] is self.x)

    @cached_property
    def width(self) -> int:
        """Channels of the last map: what the classifier, or its pool, reads."""
        ends = (
            visit
            for visit in self.visits
            if isinstance(visit.op, Flatten) or visit is self.layers[-1]
        )
        return whole(next(ends).inputs[0][1])

    @cached_property
    def groups(self) -> int | None:
        """The number of groups of all grouped convolutions; None without any, or with several."""
        groups = {
            whole(visit.op.groups)
            for visit in self.layers
            if isinstance(visit.op, Conv2d) and _grouped(visit.op)
        }
        return groups.pop() if len(groups) == 1 else None

    def step(self, groups: int | None = None) -> int:
        """`widened(c, groups=groups)` is a network if and only if this divides c."""
        step = 1
        for visit in self.visits:
            split = 1
            if isinstance(visit.op, ChannelShuffle) or (
                isinstance(visit.op, Conv2d) and _grouped(visit.op)
            ):
                split = whole(_regrouped(visit.op.groups, self.groups, groups))
            elif isinstance(visit.op, Attention):
                split = whole(visit.op.heads)
            elif isinstance(visit.op, MergeHeads):
                split = whole(visit.inputs[0][3])
            for width in _scaled_widths(visit, self.first, self.layers[-1].path):
                if width:
                    step = lcm(step, self.width * split // gcd(width, self.width * split))
        return step

    def widened(
        self, c: Number, *, groups: Number | None = None, classes: Number | None = None
    ) -> Node:
        """The network with every width times c / `width`: c is an int, a symbol or an array.

        The image's channels stay as they are. So do the groups of grouped convolutions and shuffles
        and the classes unless they are given; a depthwise convolution stays depthwise. Raises
        SpecError for widths that are not whole or that groups do not divide.
        """
        last = self.layers[-1].path
        widths: dict[Number, Number] = {}
        ops: dict[tuple[Op, bool, bool], Op] = {}

        def scale(width: Number) -> Number:
            if width not in widths:
                widths[width] = exact_div(width * c, self.width)
            return widths[width]

        def op_at(path: str, op: Op) -> Op:
            key = (op, path in self.first, path == last)
            if key not in ops:
                kept = (_INPUT,) * key[1] + (_OUTPUT,) * key[2]
                wider = _widened(op, scale, kept, lambda of: _regrouped(of, self.groups, groups))
                ops[key] = (
                    _with_classes(wider, classes) if key[2] and classes is not None else wider
                )
            return ops[key]

        return _rebuilt(self.node, "", op_at)


# Which of a layer's two widths, in the order of `Op.widths`.
_INPUT, _OUTPUT = 0, 1


def _regrouped(groups: Number, own: Number | None, wanted: Number | None) -> Number:
    """The groups of a convolution or shuffle where those of the whole network are `wanted`."""
    return wanted if wanted is not None and groups == own else groups


def _widened(
    op: Op,
    scale: Callable[[Number], Number],
    kept: tuple[int, ...],
    regroup: Callable[[Number], Number],
) -> Op:
    changed = {name: scale(getattr(op, name)) for i, name in enumerate(op.widths) if i not in kept}
    if isinstance(op, Conv2d) and _depthwise(op):
        changed["groups"] = changed.get("c_in", op.c_in)
    elif isinstance(op, Conv2d | ChannelShuffle):
        changed["groups"] = regroup(op.groups)
    return replace(op, **changed) if changed else op


def _with_classes(op: Op, classes: Number) -> Op:
    return replace(op, **{"c_out" if isinstance(op, Conv2d) else "features_out": classes})


def _depthwise(op: Conv2d) -> bool:
    return is_equal(op.groups, op.c_in) and not is_equal(op.groups, 1)


def _grouped(op: Conv2d) -> bool:
    return not is_equal(op.groups, 1) and not _depthwise(op)


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


def _scaled_widths(visit: Visit, first: frozenset[str], last: str) -> list[int]:
    """Those widths of an op that `widen` scales; what it only passes on belongs to another op."""
    kept = (_INPUT,) * (visit.path in first) + (_OUTPUT,) * (visit.path == last)
    widths = [getattr(visit.op, name) for i, name in enumerate(visit.op.widths) if i not in kept]
    if isinstance(visit.op, ChannelShuffle):
        widths.append(visit.output[1])
    elif isinstance(visit.op, Attention | MergeHeads):
        widths.append(visit.output[-1])
    return [whole(width) for width in widths]
