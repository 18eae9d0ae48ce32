"""The counters by name."""

from __future__ import annotations

from typing import TypeVar

from shufflenet_flops.counters.protocol import Counter
from shufflenet_flops.registry import Registry

C = TypeVar("C", bound=Counter)

_COUNTERS: Registry[Counter] = Registry("counters", "shufflenet_flops.counters")


def counter(made: type[C]) -> type[C]:
    """Register a class of a counter. Raises ValueError where another has its name."""
    _COUNTERS.add(made.name, made())
    return made


def all_counters() -> tuple[Counter, ...]:
    """Every counter, by its rank: those that `explain` runs."""
    return tuple(sorted(_COUNTERS.entries().values(), key=lambda known: (known.rank, known.name)))


def compared_counters() -> tuple[Counter, ...]:
    """Those that `compare` runs too."""
    return tuple(known for known in all_counters() if known.in_compare)
