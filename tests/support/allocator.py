"""What torch's allocator of the CPU is asked for in a real run, by the profiler's memory events."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile


class Event(NamedTuple):
    """Bytes that are taken (positive) or given back at an address, by which op (-1: none).

    An op is one that a dispatcher of kernels is asked for: what it calls itself is part of it, and
    one that only calls others, as a fully connected layer that calls a product, is none.
    """

    address: int
    bytes: int
    op: int


@dataclass(frozen=True)
class Allocations:
    """All events of a run in order, and the names of the ops."""

    events: tuple[Event, ...]
    ops: tuple[str, ...]

    @property
    def peak_bytes(self) -> int:
        """The most that is taken at a time."""
        return _peak(event.bytes for event in self._matched())

    @property
    def tensor_bytes(self) -> int:
        """The same without what an op takes and gives back before it is done."""
        taken_by = dict(self._pairs())
        own = {i for i, (op, freed_by) in taken_by.items() if op < 0 or op == freed_by}
        sizes, at = [], dict[int, int]()
        for i, event in enumerate(self.events):
            if event.bytes > 0 and i not in own:
                at[event.address] = event.bytes
                sizes.append(event.bytes)
            elif event.bytes < 0 and event.address in at:
                sizes.append(-at.pop(event.address))
        return _peak(sizes)

    def _matched(self) -> Iterator[Event]:
        """Without what was there before, which may be given back in the run."""
        taken: set[int] = set()
        for event in self.events:
            if event.bytes > 0:
                taken.add(event.address)
                yield event
            elif event.address in taken:
                taken.discard(event.address)
                yield event

    def _pairs(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """For each event that takes and is given back: by which op either."""
        taken: dict[int, int] = {}
        for i, event in enumerate(self.events):
            if event.bytes > 0:
                taken[event.address] = i
            elif event.address in taken:
                start = taken.pop(event.address)
                yield start, (self.events[start].op, event.op)
        for i in taken.values():
            if self.events[i].op < 0:
                yield i, (-1, -1)


def _peak(changes: Any) -> int:
    now = highest = 0
    for change in changes:
        now += change
        highest = max(highest, now)
    return highest


def allocations(run: Callable[[], Any]) -> Allocations:
    """What a run takes and gives back, on one thread, without collecting garbage in between."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.disable()
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            result = run()
    finally:
        gc.enable()
        torch.set_num_threads(threads)
    del result
    assert profiled.profiler is not None
    events: list[Event] = []
    ops: list[str] = []

    def visit(node: Any, op: int) -> None:
        size = getattr(node.typed[1], "alloc_size", None)
        if size is not None:
            events.append(Event(node.typed[1].ptr, size, op))
            return
        if op < 0 and "::" in node.name and not _calls_others_only(node.name):
            op = len(ops)
            ops.append(node.name)
        for child in sorted(node.children, key=lambda child: child.start_time_ns):
            visit(child, op)

    results: Any = profiled.profiler.kineto_results
    for root in sorted(results.experimental_event_tree(), key=lambda node: node.start_time_ns):
        visit(root, -1)
    return Allocations(tuple(events), tuple(ops))


@cache
def _calls_others_only(name: str) -> bool:
    library, _, op = name.partition("::")
    packet = getattr(getattr(torch.ops, library), op, None)
    overloads = packet.overloads() if packet is not None else ()
    names = [name if overload == "default" else f"{name}.{overload}" for overload in overloads]
    dispatcher: Any = torch._C
    return any(
        dispatcher._dispatch_has_kernel(full)
        and dispatcher._dispatch_has_kernel_for_dispatch_key(full, "CompositeImplicitAutograd")
        for full in names
    )
