"""What fewer traces told, so that it is not looked for again where it holds at more."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from shufflenet_flops.closed_form.expression import Expression
from shufflenet_flops.closed_form.vectors import Vector


@dataclass(frozen=True)
class Earlier:
    """Expressions by their values at the first `number` points, and values that had none."""

    number: int = 0
    known: Mapping[Vector, Expression] = field(default_factory=dict)
    failed: Container[Vector] = ()

    def of(self, values: Vector, points: Sequence[Mapping[str, int]]) -> Expression | None:
        """The expression with the first of the values, where it has the others too."""
        found = self.known.get(values[: self.number])
        if found is None:
            return None
        rest = zip(points[self.number :], values[self.number :], strict=True)
        return found if all(found.value(point) == value for point, value in rest) else None

    def has_failed(self, values: Vector) -> bool:
        """Whether no expression had the first of the values."""
        return values[: self.number] in self.failed
