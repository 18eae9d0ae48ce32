"""For which sizes a formula holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import gcd, lcm, prod

from shufflenet_flops.closed_form.expression import Residue

FEW = 64


@dataclass(frozen=True)
class Range:
    """`least` and every `step` up from it, to `most` where that is not None.

    A range of one size is a number that stays as it is. With `own` it begins at the model's own
    size, and smaller ones may be in it too. Sizes that leave one of the rests `without` are not.
    """

    least: int
    step: int = 1
    most: int | None = None
    own: bool = field(default=False, compare=False)
    without: tuple[Residue, ...] = ()

    @property
    def residue(self) -> Residue:
        """What its sizes leave when they are divided by the step."""
        return Residue(self.step, self.least % self.step)

    @property
    def is_fixed(self) -> bool:
        """Whether there is no other size in it."""
        return self.most is not None and self.most < self.least + self.step

    @property
    def first(self) -> int | None:
        """The least size that is in it; None where the end, or the rests without, leave none."""
        around = self.step * lcm(*(residue.step for residue in self.without))
        end = self.least + around if self.most is None else min(self.least + around, self.most + 1)
        return next((size for size in range(self.least, end, self.step) if size in self), None)

    @property
    def count(self) -> int | None:
        """How many sizes there are; None where they have no end."""
        if self.most is None:
            return None
        return max(0, (self.most - self.least) // self.step + 1)

    @property
    def sizes(self) -> range:
        """All of them, where they have an end."""
        assert self.most is not None
        return range(self.least, self.most + 1, self.step)

    def __contains__(self, size: int) -> bool:
        return (
            size >= self.least
            and (size - self.least) % self.step == 0
            and (self.most is None or size <= self.most)
            and all(size % residue.step != residue.rest for residue in self.without)
        )

    def text(self, name: str) -> str:
        """As people write it: `h ≡ 0 mod 32, h ≥ 64`."""
        if self.is_fixed:
            return f"{name} = {self.least}"
        rest = [f"{name} ≡ {self.residue.rest} mod {self.step}"] if self.step > 1 else []
        rest += [f"{name} ≢ {one.rest} mod {one.step}" for one in self.without]
        bound = f"{name} ≥ {self.least}" if self.most is None else ""
        return ", ".join([*rest, bound or f"{self.least} ≤ {name} ≤ {self.most}"])


def met(ranges: Sequence[Range]) -> Range:
    """The sizes that are in all of the ranges, of which the largest step has the others' factors.

    Empty, with an end before its beginning, where none is.
    """
    widest = max(ranges, key=lambda given: given.step)
    above = max(given.least for given in ranges) - widest.least
    least = widest.least - -above // widest.step * widest.step
    ends = [given.most for given in ranges if given.most is not None]
    without = dict.fromkeys(residue for given in ranges for residue in given.without)
    return Range(least, widest.step, min(ends, default=None), without=tuple(without))


def hull(ranges: Sequence[Range]) -> Range:
    """The smallest range that holds all of them."""
    least = min(given.least for given in ranges)
    step = gcd(*(number for given in ranges for number in (given.step, given.least - least)))
    ends = [given.most for given in ranges if given.most is not None]
    return Range(least, step, max(ends) if len(ends) == len(ranges) else None)


def met_domain(domains: Sequence[Domain]) -> Domain:
    """The sizes that are in all of the domains, which are over the same names."""
    ranges = {name: met([one.ranges[name] for one in domains]) for name in domains[0].ranges}
    return Domain(ranges, next((one.square for one in domains if one.square), None))


@dataclass(frozen=True)
class Domain:
    """The range of each size; with `square`, the second of those two is as the first."""

    ranges: Mapping[str, Range]
    square: tuple[str, str] | None = None

    def __contains__(self, sizes: Mapping[str, int]) -> bool:
        return self.missed(sizes) is None

    def missed(self, sizes: Mapping[str, int]) -> str | None:
        """The rule that the sizes break; None inside of the domain."""
        for name, given in self.ranges.items():
            if sizes[name] not in given:
                return given.text(name)
        if self.square and sizes[self.square[0]] != sizes[self.square[1]]:
            return " = ".join(self.square)
        return None

    @cached_property
    def free(self) -> list[str]:
        """The names of the sizes that may be chosen."""
        tied = self.square[1] if self.square else None
        return [n for n, given in self.ranges.items() if not given.is_fixed and n != tied]

    @property
    def few(self) -> list[dict[str, int]] | None:
        """All sizes of the domain; None where there are more than a few."""
        counts = [given.count for given in self.ranges.values()]
        if None in counts or prod(count or 0 for count in counts) > FEW:
            return None
        every = (
            dict(zip(self.ranges, sizes, strict=True))
            for sizes in product(*(given.sizes for given in self.ranges.values()))
        )
        return [sizes for sizes in every if sizes in self]

    @property
    def texts(self) -> Iterator[str]:
        """The rules, one by one."""
        for name, given in self.ranges.items():
            yield given.text(name)
        if self.square:
            yield " = ".join(self.square)
