"""The arena of a small device: one piece of memory that holds every tensor of an inference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

from shufflenet_flops.peak.timeline import IntShape, Storage, Timeline
from shufflenet_flops.spec import Kind, Node, Seq, Shape
from shufflenet_flops.spec.tree import Join

_IN_PLACE = frozenset({Kind.NORM, Kind.ACTIVATION})


@dataclass(frozen=True)
class Arena:
    """Where tensors are placed: `offsets` in bytes, in the order of the tensors.

    `bytes` is the end of the last; no plan takes less than `lower_bound_bytes`, the most that is
    alive at a time.
    """

    bytes: int
    lower_bound_bytes: int
    offsets: tuple[int, ...]


def arena(tensors: Sequence[Storage]) -> Arena:
    """A plan that is greedy by size: the largest first, each at the lowest place that is free.

    So TensorFlow Lite plans (Pisarchyk and Lee, "Efficient memory management for deep neural net
    inference", 2020). A place is free where no tensor lies that is alive at the same time.
    """
    offsets = [0] * len(tensors)
    placed: list[list[int]] = [[] for _ in range(_last(tensors))]  # by the moments of their lives
    for index in sorted(range(len(tensors)), key=lambda index: (-tensors[index].bytes, index)):
        tensor = tensors[index]
        life = placed[tensor.born : tensor.died]
        offset = 0
        for other in sorted({i for beside in life for i in beside}, key=offsets.__getitem__):
            if offsets[other] - offset >= tensor.bytes:
                break
            offset = max(offset, offsets[other] + tensors[other].bytes)
        offsets[index] = offset
        for beside in life:
            beside.append(index)
    ends = (offset + tensor.bytes for offset, tensor in zip(offsets, tensors, strict=True))
    return Arena(max(ends, default=0), _most_alive(tensors), tuple(offsets))


def _last(tensors: Iterable[Storage]) -> int:
    """The moment at which nothing is alive any more."""
    return max((tensor.died for tensor in tensors), default=0)


def _most_alive(tensors: Iterable[Storage]) -> int:
    tensors = list(tensors)
    changes = [0] * (_last(tensors) + 1)
    for tensor in tensors:
        changes[tensor.born] += tensor.bytes
        changes[tensor.died] -= tensor.bytes
    return max(accumulate(changes), default=0)


def spec_tensors(
    node: Node, x: Shape, itemsize: int = 1, *, depthwise_in_place: bool = False
) -> list[Storage]:
    """The tensors of one inference of a spec on an input of shape `x`, each with its lifetime.

    Ops run in the order of the walk, as on a device without threads. Norms and activations are part
    of the op before them, as converters fold them, unless a branch begins with them; the input of
    the network is among the tensors. Weights are not, which such a device reads from flash.
    With `depthwise_in_place` a depthwise convolution writes its channels over those of its input,
    where nothing else reads that and they fit, as TinyEngine's kernels do (MCUNet, section 3.2).
    """
    flow = _Flow(itemsize, depthwise_in_place)
    flow.use(flow.run(node, flow.make(x, "input", ""), "", shared=False))
    return flow.tensors()


_FLOATS = frozenset({"float64", "float32", "float16", "bfloat16"})
_BY_PRODUCT = "_with_indices"  # ops that torch has make indices which nobody asked for


def run_tensors(
    timeline: Timeline, inputs: Iterable[tuple[IntShape, int]], itemsize: int = 1
) -> list[Storage]:
    """The tensors of one inference as it was traced: those that are made, and the `inputs`.

    Those of floating point have elements of `itemsize` bytes; an input is a shape and the bytes of
    an element that stays as it is, 0 for one of floating point. Each lives as long as the model's
    code holds it, and an input all the time, so an arena of them is the most that a device takes.
    """
    end = len(timeline.moments)
    given = [
        Storage((each or itemsize) * prod(shape), 0, end, shape, "", "", "input")
        for shape, each in inputs
    ]
    return [*given, *(_sized(made, itemsize) for made in timeline.storages if _is_kept(made))]


def _is_kept(made: Storage) -> bool:
    """Whether it is no by-product of a kernel of torch: indices, or what is dropped at once."""
    is_index = made.op.endswith(_BY_PRODUCT) and made.dtype == "int64"
    return bool(made.dtype) and not (is_index and made.died == made.born + 1)


def _sized(made: Storage, itemsize: int) -> Storage:
    if made.dtype not in _FLOATS:
        return made
    return made._replace(bytes=itemsize * prod(made.shape))


class _Flow:
    """Follows tensors through a tree. A tensor is its number and its shape."""

    def __init__(self, itemsize: int, depthwise_in_place: bool) -> None:
        self._itemsize = itemsize
        self._depthwise_in_place = depthwise_in_place
        self._made: list[tuple[Any, int, str, str]] = []  # shape, moment, path, op
        self._last: list[int] = []  # the moment of the last op that reads it
        self._now = 0

    def make(self, shape: Any, op: str, path: str) -> tuple[int, Any]:
        self._made.append((shape, self._now, path, op))
        self._last.append(self._now)
        return len(self._made) - 1, shape

    def use(self, tensor: tuple[int, Any]) -> None:
        self._last[tensor[0]] = self._now

    def run(self, node: Node, x: tuple[int, Any], path: str, *, shared: bool) -> tuple[int, Any]:
        """The output; `shared` tells that another branch reads `x` too."""
        if isinstance(node, Seq):
            for name, child in node.children:
                y = self.run(child, x, _under(path, name), shared=shared)
                shared, x = shared and y[0] == x[0], y
            return x
        if isinstance(node, Join):
            branches = [
                self.run(child, x, _under(path, name), shared=True) for name, child in node.branches
            ]
            y = self._call(node.op, branches, path)
            for name, child in node.after:
                y = self.run(child, y, _under(path, name), shared=False)
            return y
        if node.free or (node.kind in _IN_PLACE and not shared):
            return x[0], node.output(x[1])
        if self._depthwise_in_place and node.kind is Kind.DEPTHWISE_CONV and not shared:
            shape = node.output(x[1])
            if prod(shape) <= prod(self._made[x[0]][0]):
                self._now += 1
                self.use(x)
                return x[0], shape
        return self._call(node, [x], path)

    def _call(self, op: Any, inputs: list[tuple[int, Any]], path: str) -> tuple[int, Any]:
        self._now += 1
        for tensor in inputs:
            self.use(tensor)
        return self.make(op.output(*(shape for _, shape in inputs)), op.name, path)

    def tensors(self) -> list[Storage]:
        return [
            Storage(self._itemsize * prod(shape), born, last + 1, tuple(shape), "", path, op)
            for (shape, born, path, op), last in zip(self._made, self._last, strict=True)
        ]


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
