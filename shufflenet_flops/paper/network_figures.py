"""The network that figures are read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from shufflenet_flops import zoo
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.row import MAC_KINDS, IntShape
from shufflenet_flops.counting.table import counted, row_of
from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import Node, OpClass, Visit, walk
from shufflenet_flops.spec.numbers import whole


@dataclass(frozen=True)
class NetworkFigures:
    """A network on one input, as figures are read from it."""

    spec: Node
    x: IntShape

    @cached_property
    def visits(self) -> list[Visit]:
        """The ops that do something, which are enough for totals."""
        return list(counted(walk(self.spec, self.x)))

    @cached_property
    def counts(self) -> dict[OpClass, int]:
        """Work of the whole network by op class."""
        return counts_of(self.visits)

    @cached_property
    def params(self) -> int:
        """Parameters of the whole network."""
        return params_of(self.visits)

    def part(self, at: str) -> list[Visit]:
        """The visits of the module at a path, itself included; all for an empty path."""
        if not at:
            return self.visits
        inside = f"{at}."
        visits = [
            visit for visit in self.visits if visit.path == at or visit.path.startswith(inside)
        ]
        if not visits:
            raise InputError(f"at={at!r}: the network has no such module")
        return visits

    def rows(self, at: str) -> tuple[Row, ...]:
        """The rows of that part."""
        return tuple(map(row_of, self.part(at)))

    @property
    def layers(self) -> list[Visit]:
        """Convolutions, linear layers and matrix products."""
        return [visit for visit in self.visits if visit.op.kind in MAC_KINDS]


def counts_of(visits: Iterable[Visit]) -> dict[OpClass, int]:
    """Work by op class, without a row for each op."""
    total: dict[OpClass, int] = {}
    for visit in visits:
        for op_class, amount in visit.op.counts(visit.inputs, visit.output).items():
            total[op_class] = total.get(op_class, 0) + whole(amount)
    return total


def params_of(visits: Iterable[Visit]) -> int:
    """Parameters of these ops."""
    return sum(whole(visit.op.params) for visit in visits)


@lru_cache(maxsize=1024)
def figures_of(model: str, x: IntShape | None) -> NetworkFigures:
    """A network of the zoo by name, on an input or its own. Raises UnknownNameError."""
    network = zoo.find(model)
    return NetworkFigures(network.spec, x or network.input)
