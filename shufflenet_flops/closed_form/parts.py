"""Floors and ceilings of lines that are known: windows and patches that no row shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

from shufflenet_flops.closed_form.expression import Expression, Residue, floored
from shufflenet_flops.closed_form.vectors import Vector

MOST_PARTS = 64

# Which line is divided, what is added before, and by what.
Part: TypeAlias = tuple[Vector, int, int]


@dataclass
class PartsOfLines:
    """All parts of lines by their values."""

    residues: Mapping[str, Residue]
    each: dict[tuple[int, Vector], list[tuple[Vector, Part]]] = field(default_factory=dict)
    whole: dict[Vector, list[Part]] = field(default_factory=dict)
    lines: int = 0  # of which `whole` is

    def of(self, lines: Mapping[Vector, Expression]) -> Mapping[Vector, list[Part]]:
        """By few before those by many, all that are alike together; lines are never fewer."""
        if self.lines != len(lines):
            self.lines, self.whole = len(lines), {}
            for by, u in product(range(2, MOST_PARTS), lines):
                if (by, u) not in self.each:
                    self.each[by, u] = list(_of_line(u, by))
                for values, part in self.each[by, u]:
                    self.whole.setdefault(values, []).append(part)
        return self.whole

    def written(
        self, parts: Iterable[Part], lines: Mapping[Vector, Expression]
    ) -> Iterator[Expression]:
        """Each as it is written, once; what is no floor of one size is left out."""
        met: list[Expression] = []
        for u, plus, by in parts:
            found = floored(lines[u], plus, by, self.residues)
            if found is not None and found not in met:
                met.append(found)
                yield found


def _of_line(u: Vector, by: int) -> Iterator[tuple[Vector, Part]]:
    for plus in (0, by - 1):
        values = tuple([(x + plus) // by for x in u])
        if all(values) and len(set(values)) > 1:
            yield values, (u, plus, by)
