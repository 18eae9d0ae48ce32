"""Whose time is what an engine runs, where it has names of its own for it: told by the order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from shufflenet_flops.counting import Row, layer_table
from shufflenet_flops.latency.predict.kernels import Fusion, Kernel
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.networks import RandomNetwork


@dataclass(frozen=True)
class OpInKernel:
    """An op of a network: its row, its kernel, and whether it is the first of it."""

    row: Row
    kernel: Kernel
    is_first: bool


@dataclass(frozen=True)
class Expected:
    """What an engine may run for an op at `path`: each by what it is told by, none if unknown.

    What stands first in its kernel is run for certain; another op may be within it.
    """

    path: str
    signatures: Sequence[Hashable]
    is_first: bool = True


def ops_of(network: RandomNetwork, fusion: Fusion) -> list[OpInKernel]:
    """The ops of a network in order."""
    rows = layer_table(network.spec, network.input).rows
    kernels: dict[int, list[Kernel]] = defaultdict(list)
    for kernel in kernels_of(rows, fusion):
        for place in kernel.places:
            kernels[place].append(kernel)
    return [
        OpInKernel(row, kernels[place][0], kernels[place][0].places[0] == place)
        for place, row in enumerate(rows)
    ]


def seconds_in_order(
    run: Iterable[tuple[Hashable | None, float]], expected: Sequence[Expected]
) -> dict[str, float]:
    """Seconds of each op, by its path, of what an engine has run, in order.

    Of ops that are alike, what comes first is the first of them. What is not known by itself, such
    as a change of layout, is of the op between its neighbours that has nothing of its own, else of
    the one that comes next.
    """
    events = list(run)
    left: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for place in sorted(range(len(expected)), key=lambda place: not expected[place].is_first):
        for signature in expected[place].signatures:
            left[signature].append(place)
    owners = [
        left[signature].popleft() if signature is not None and left[signature] else None
        for signature, _ in events
    ]
    without = {i for i, op in enumerate(expected) if op.is_first} - set(owners)
    seconds: defaultdict[str, float] = defaultdict(float)
    before = -1
    for i, (_, event_s) in enumerate(events):
        owner = owners[i]
        if owner is None:
            after = next((place for place in owners[i:] if place is not None), None)
            end = len(expected) if after is None else after
            between = (place for place in range(before + 1, end) if place in without)
            owner = next(between, before if after is None else after)
        else:
            before = owner
        seconds[expected[owner].path] += event_s
    return dict(seconds)
