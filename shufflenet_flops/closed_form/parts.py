"""Floors and ceilings of lines that are known: windows and patches that no row shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from shufflenet_flops.closed_form.expression import Expression, Residue, floored
from shufflenet_flops.closed_form.vectors import Vector

MOST_PARTS = 64

Parts = Mapping[Vector, list[Expression]]


@dataclass
class PartsOfLines:
    """All parts of lines by their values, of which those that are there are kept."""

    residues: Mapping[str, Residue]
    each: dict[tuple[int, Vector], list[tuple[Vector, Expression]]] = field(default_factory=dict)
    whole: dict[Vector, list[Expression]] = field(default_factory=dict)
    lines: int = 0  # of which `whole` is

    def of(self, lines: Mapping[Vector, Expression]) -> Parts:
        """By few before those by many, all that are alike together; lines are never fewer."""
        if self.lines != len(lines):
            self.lines, self.whole = len(lines), {}
            for by, (u, line) in product(range(2, MOST_PARTS), lines.items()):
                if (by, u) not in self.each:
                    self.each[by, u] = list(self._of_line(u, line, by))
                for part, found in self.each[by, u]:
                    alike = self.whole.setdefault(part, [])
                    if found not in alike:
                        alike.append(found)
        return self.whole

    def _of_line(self, u: Vector, line: Expression, by: int) -> Iterator[tuple[Vector, Expression]]:
        for plus in (0, by - 1):
            part = tuple((x + plus) // by for x in u)
            if all(part) and len(set(part)) > 1:
                found = floored(line, plus, by, self.residues)
                if found is not None:
                    yield part, found
