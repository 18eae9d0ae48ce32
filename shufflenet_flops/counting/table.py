"""The layer table: rows of a network, their totals, and the ways to group them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from shufflenet_flops.counting.convention import Convention
from shufflenet_flops.counting.row import Kind, Row
from shufflenet_flops.spec import Conv2d, Node, OpClass, Shape, Visit, walk
from shufflenet_flops.spec.ops import Pool2d

BYTES = 4  # of one fp32 element

Grouping = Literal["layer", "unit", "stage", "kind"]
GROUPINGS: tuple[str, ...] = get_args(Grouping)


@dataclass(frozen=True, repr=False)
class Table:
    """The rows of one network on one input, in the order they run.

    `times` are seconds of each row, where they were predicted; else there are none.
    """

    rows: tuple[Row, ...]
    times: tuple[float, ...] = ()

    def __repr__(self) -> str:
        macs = self.macs
        # A walk over symbols or arrays has no figure that fits on a line.
        total = f", {macs:,} MACs" if isinstance(macs, int) else ""
        return f"<Table of {len(self.rows)} rows{total}>"

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

    @cached_property
    def params(self) -> int:
        """Trainable parameters, each counted once."""
        return sum(row.params for row in self.rows)

    @cached_property
    def activations(self) -> int:
        """Output elements of all convolutions, linear layers and matrix products."""
        return sum(row.activations for row in self.rows)

    @cached_property
    def memory_bytes(self) -> int:
        """Bytes read and written by all ops, nothing cached between them."""
        return sum(row.memory_bytes for row in self.rows)

    @property
    def time_s(self) -> float:
        """Predicted seconds of all rows; 0 where none were predicted."""
        return sum(self.times)

    def total(self, convention: Convention) -> int:
        """The count under one convention, in its unit."""
        return convention.total(self.counts)

    def by(self, grouping: Grouping) -> dict[str, Table]:
        """Sub-tables in order of first appearance; `layer` gives one per row."""
        groups: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            groups.setdefault(group_of(row.path, row.kind, grouping), []).append(place)
        return {name: self.at(places) for name, places in groups.items()}

    def at(self, places: Iterable[int]) -> Table:
        """The sub-table of the rows at these places, with their times."""
        kept = tuple(places)
        times = tuple(self.times[place] for place in kept) if self.times else ()
        return Table(tuple(self.rows[place] for place in kept), times)


def layer_table(node: Node, x: Shape) -> Table:
    """The analytic table of `node` on an input of shape `x` (batch first), fp32.

    Free ops, which only rename their input (identity, flatten, dropout), have no row. Raises
    SpecError with the op's path where the network cannot take the input.
    """
    return Table(tuple(row_of(visit) for visit in counted(walk(node, x))))


def counted(visits: Iterable[Visit]) -> Iterable[Visit]:
    """The visits that have a row."""
    return (visit for visit in visits if not visit.op.free)


def row_of(visit: Visit, itemsize: int = BYTES) -> Row:
    """What one op does. A walk over symbols or arrays gives rows of such in place of ints."""
    op = visit.op
    inputs: Any = visit.inputs
    output: Any = visit.output
    counts: Any = op.counts(inputs, output)
    params: Any = op.params
    read, written = op.traffic(inputs, output)
    windowed: Any = op if isinstance(op, _WINDOWED) else None
    return Row(
        path=visit.path,
        op=op.name,
        kind=op.kind,
        inputs=inputs,
        output=output,
        counts=counts,
        params=params,
        read_bytes=_times(itemsize, read),
        write_bytes=_times(itemsize, written),
        kernel=windowed.kernel if windowed else None,
        stride=windowed.stride if windowed else None,
        groups=getattr(windowed, "groups", None),
    )


_WINDOWED = (Conv2d, Pool2d)


def _times(factor: int, value: Any) -> Any:
    return value if factor == 1 else factor * value


def group_of(path: str, kind: Kind, grouping: Grouping) -> str:
    """The name of the group that a layer of this path and kind belongs to."""
    return kind.value if grouping == "kind" else _KEYS[grouping](path)


def _unit(path: str) -> str:
    """`stage2.0` of `stage2.0.branch.pw1`: the path up to the first number, else its first name."""
    names = path.split(".")
    for i, name in enumerate(names):
        if name.isdigit():
            return ".".join(names[: i + 1])
    return names[0]


_KEYS: dict[Grouping, Callable[[str], str]] = {
    "layer": lambda path: path,
    "unit": _unit,
    "stage": lambda path: path.split(".")[0],
}
