"""What splits a domain in two: a bound of one size, or a rest that it leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.expression import Residue


@dataclass(frozen=True)
class SizeGuard:
    """What splits a domain: a size from `least` on, or one that leaves the rest of `residue`."""

    name: str
    least: int = 0
    residue: Residue | None = None

    def sides(self, domain: Domain) -> tuple[Domain, Domain]:
        """The sizes of a domain that are so, and the others."""
        given = domain.ranges[self.name]
        if self.residue is None:
            inside = replace(given, least=self.least, own=False)
            outside = replace(given, most=self.least - 1)
            return with_range(domain, self.name, inside), with_range(domain, self.name, outside)
        period = self.residue.step
        without = tuple(one for one in given.without if one.meets(self.residue))
        inside = replace(given, least=_next(given.least, self.residue), step=period)
        inside = replace(inside, without=without)
        outside = replace(given, without=(*given.without, self.residue))
        outside = replace(outside, least=outside.first or given.least)
        if period == 2:
            other = Residue(2, 1 - self.residue.rest)
            outside = replace(given, least=_next(given.least, other), step=2)
        return with_range(domain, self.name, inside), with_range(domain, self.name, outside)


def with_range(domain: Domain, name: str, given: Range) -> Domain:
    return replace(domain, ranges={**domain.ranges, name: given})


def _next(size: int, residue: Residue) -> int:
    return size + (residue.rest - size) % residue.step
