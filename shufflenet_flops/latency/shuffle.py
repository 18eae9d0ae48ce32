"""What channel shuffle does: the permutation, and who can see whom, in whole numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from shufflenet_flops.spec.numbers import check_at_least

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Connectivity:
    """How groups of a second grouped convolution are fed by those of a first.

    `matrix[q][k]` is how many of the n channels that output group q reads were made by input group
    k: what is 0 it cannot see. Rows and columns each add up to n. `unseen` are the pairs of an
    output and an input group without any connection.
    """

    name: str
    matrix: Matrix
    unseen: int

    @property
    def complete(self) -> bool:
        """Whether every output group sees every input group."""
        return not self.unseen


@dataclass(frozen=True)
class OpCost:
    """One way to shuffle a map of `c` channels, in seconds per call.

    `moved_bytes` is read once and written once; `copy_bytes_per_s` is what a plain copy of the map
    reaches in the same rounds, and `over_copy` the ratio of the times, with its 95 % interval.
    """

    way: str
    c: int
    h: int
    w: int
    moved_bytes: int
    median_s: float
    q1_s: float
    q3_s: float
    bytes_per_s: float
    copy_bytes_per_s: float
    over_copy: float
    low: float
    high: float


@dataclass(frozen=True)
class UnitShare:
    """The share of a unit's time that its shuffle takes on an engine: 1 - without / with.

    `c` are the unit's channels; the shuffle is of a quarter of them. None where it failed.
    """

    engine: str
    engine_version: str
    c: int
    h: int
    w: int
    with_s: float | None
    without_s: float | None
    share: float | None
    low: float | None
    high: float | None
    reason: str


def shuffled(g: int, n: int) -> tuple[int, ...]:
    """Channel shuffle of g groups of n channels: at place i, which channel comes there.

    Split into (g, n), transpose, flatten: place j·g + k gets channel k·n + j.
    Source: ShuffleNet V1, section 3.1. Raises SpecError for g or n below 1.
    """
    check_at_least("g", g, 1)
    check_at_least("n", n, 1)
    return tuple(k * n + j for j in range(n) for k in range(g))


def randomly(g: int, n: int, seed: int) -> tuple[int, ...]:
    """A random permutation of the g·n channels, the same for the same seed."""
    places = list(range(len(shuffled(g, n))))
    random.Random(seed).shuffle(places)
    return tuple(places)


def connectivity(name: str, permutation: tuple[int, ...], g: int) -> Connectivity:
    """Which input groups each output group sees through a permutation of the channels between."""
    n = len(permutation) // g
    matrix = tuple(
        tuple(
            sum(channel // n == k for channel in permutation[q * n : (q + 1) * n]) for k in range(g)
        )
        for q in range(g)
    )
    return Connectivity(name, matrix, sum(row.count(0) for row in matrix))


def variants(g: int, n: int, seed: int) -> dict[str, tuple[int, ...]]:
    """The three permutations to set side by side: none, channel shuffle, a random one."""
    return {
        "without shuffle": tuple(range(g * n)),
        "with shuffle": shuffled(g, n),
        f"random permutation (seed {seed})": randomly(g, n, seed),
    }


def chance_unseen(g: int, n: int) -> Fraction:
    """The chance that under a random permutation an output group sees nothing of an input group.

    All of its n channels then come from the other g·n - n: C(gn - n, n) / C(gn, n).
    """
    return Fraction(comb(g * n - n, n), comb(g * n, n))
