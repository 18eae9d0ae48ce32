"""The layer table: rows of a network, their totals, and the ways to group them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from shufflenet_flops.counting.convention import Convention
from shufflenet_flops.counting.row import IntShape, Kind, Row, conv_kind
from shufflenet_flops.spec import (
    Activation,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm,
    ChannelShuffle,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Node,
    Op,
    OpClass,
    Visit,
    ZeroPadShortcut,
    walk,
)
from shufflenet_flops.spec.ops import AddOp, ConcatOp, ScaleOp

Windowed = Conv2d | MaxPool2d | AvgPool2d
BYTES = 4  # of one fp32 element

Grouping = Literal["layer", "unit", "stage", "kind"]


@dataclass(frozen=True)
class Table:
    """The rows of one network on one input, in the order they run."""

    rows: tuple[Row, ...]

    @cached_property
    def counts(self) -> dict[OpClass, int]:
        """Work of the whole network by op class."""
        total: Counter[OpClass] = Counter()
        for row in self.rows:
            total.update(row.counts)
        return dict(total)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products."""
        return sum(row.macs for row in self.rows)

    @property
    def flops(self) -> int:
        """Two floating-point operations per multiply-accumulate."""
        return 2 * self.macs

    @property
    def params(self) -> int:
        """Trainable parameters, each counted once."""
        return sum(row.params for row in self.rows)

    @property
    def activations(self) -> int:
        """Output elements of all convolutions, linear layers and matrix products."""
        return sum(row.activations for row in self.rows)

    @property
    def memory_bytes(self) -> int:
        """Bytes read and written by all ops, nothing cached between them."""
        return sum(row.memory_bytes for row in self.rows)

    def total(self, convention: Convention) -> int:
        """The count under one convention, in its unit."""
        return convention.total(self.counts)

    def by(self, grouping: Grouping) -> dict[str, Table]:
        """Sub-tables in order of first appearance; `layer` gives one per row."""
        groups: dict[str, list[Row]] = {}
        key = _KEYS[grouping]
        for row in self.rows:
            groups.setdefault(key(row), []).append(row)
        return {name: Table(tuple(rows)) for name, rows in groups.items()}


def layer_table(node: Node, x: IntShape) -> Table:
    """The analytic table of `node` on an input of shape `x` (batch first), fp32.

    Ops that only rename their input (identity, flatten, dropout) have no row.
    Raises SpecError with the op's path where the network cannot take the input.
    """
    return Table(tuple(_rows(walk(node, x))))


def _rows(visits: Iterable[Visit]) -> Iterable[Row]:
    for path, op, xs, y in visits:
        label = _LABELS.get(type(op))
        if label is None:
            continue
        name, kind = label(op)
        read, written = op.traffic(xs, y)
        yield Row(
            path=path,
            op=name,
            kind=kind,
            inputs=xs,
            output=y,
            counts=op.counts(xs, y),
            params=op.params,
            read_bytes=BYTES * read,
            write_bytes=BYTES * written,
            kernel=op.kernel if isinstance(op, Windowed) else None,
            stride=op.stride if isinstance(op, Windowed) else None,
            groups=op.groups if isinstance(op, Conv2d) else None,
        )


def _same(name: str, kind: Kind) -> Callable[[Op], tuple[str, Kind]]:
    return lambda op: (name, kind)


def _conv(op: Op) -> tuple[str, Kind]:
    assert isinstance(op, Conv2d)
    return "conv2d", conv_kind(op.c_in, op.kernel, op.groups)


def _activation(op: Op) -> tuple[str, Kind]:
    assert isinstance(op, Activation)
    return op.function, Kind.ACTIVATION


_LABELS: dict[type[Op], Callable[[Op], tuple[str, Kind]]] = {
    Conv2d: _conv,
    Linear: _same("linear", Kind.LINEAR),
    BatchNorm: _same("batch_norm", Kind.NORM),
    Activation: _activation,
    MaxPool2d: _same("max_pool2d", Kind.POOL),
    AvgPool2d: _same("avg_pool2d", Kind.POOL),
    AdaptiveAvgPool2d: _same("adaptive_avg_pool2d", Kind.POOL),
    GlobalAvgPool: _same("adaptive_avg_pool2d", Kind.POOL),
    ChannelShuffle: _same("channel_shuffle", Kind.MOVE),
    ZeroPadShortcut: _same("pad", Kind.MOVE),
    AddOp: _same("add", Kind.ELEMENTWISE),
    ConcatOp: _same("cat", Kind.MOVE),
    ScaleOp: _same("mul", Kind.ELEMENTWISE),
}


def _unit(row: Row) -> str:
    """`stage2.0` of `stage2.0.branch.pw1`: the path up to the first number, else its first name."""
    names = row.path.split(".")
    for i, name in enumerate(names):
        if name.isdigit():
            return ".".join(names[: i + 1])
    return names[0]


_KEYS: dict[Grouping, Callable[[Row], str]] = {
    "layer": lambda row: row.path,
    "unit": _unit,
    "stage": lambda row: row.path.split(".")[0],
    "kind": lambda row: row.kind.value,
}
