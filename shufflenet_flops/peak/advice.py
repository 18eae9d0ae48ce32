"""What would lower a peak, worked out on the timeline of the run as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from shufflenet_flops.peak.timeline import Storage, Timeline
from shufflenet_flops.saved import Count

# Activations that torch can write over their input, by the names of their ops.
_OVERWRITE = frozenset(
    "relu relu6 hardtanh leaky_relu elu celu selu silu mish hardswish hardsigmoid sigmoid tanh "
    "threshold".split()
)
# Ops that keep their result for the backward pass, and not what they are given.
_SAVE_RESULT = frozenset(
    "relu leaky_relu elu sigmoid tanh exp sqrt rsqrt reciprocal _softmax _log_softmax".split()
)
_SHOWN = 3  # of what lowers the peak most


@dataclass(frozen=True)
class Advice:
    """A change to a model or its batch, and the peak of the run with it."""

    change: str
    bytes: Count


def advice(timeline: Timeline, *, training: bool) -> tuple[Advice, ...]:
    """The changes that lower the peak, the best first; each is tried by itself.

    Activations write over their inputs where nothing else needs these; in a training step a block
    is checkpointed: what it keeps for the backward pass is made again when that comes to it.
    """
    tried = list(_in_place(timeline))
    if training:
        tried += _checkpoints(timeline)
    better = [one for one in tried if one.bytes < timeline.peak_bytes]
    return tuple(sorted(better, key=lambda one: one.bytes)[:_SHOWN])


def _in_place(timeline: Timeline) -> Iterator[Advice]:
    """With every activation in place whose input is let go of once it is read."""
    ends: dict[tuple[int, int, str], list[int]] = {}
    for index, storage in enumerate(timeline.storages):
        ends.setdefault((storage.died, storage.bytes, storage.dtype), []).append(index)
    joined: dict[int, Storage] = {}
    gone: set[int] = set()
    for index, storage in enumerate(timeline.storages):
        if storage.op not in _OVERWRITE:
            continue
        read = [
            i for i in ends.get((storage.born + 1, storage.bytes, storage.dtype), ()) if i < index
        ]
        if read:
            over = joined.get(read[-1], timeline.storages[read[-1]])
            gone.add(read[-1])
            joined[index] = storage._replace(born=over.born)
    if gone:
        kept = (
            joined.get(index, storage)
            for index, storage in enumerate(timeline.storages)
            if index not in gone
        )
        several = "s" if len(gone) > 1 else ""
        changed = replace(timeline, storages=tuple(kept))
        yield Advice(f"{len(gone)} activation{several} in place", changed.peak_bytes)


def _checkpoints(timeline: Timeline) -> Iterator[Advice]:
    """With each block checkpointed that stays within one run of moments, forward and back."""
    for block, (forward, start) in _blocks(timeline).items():
        inside = [storage for storage in timeline.storages if storage.born in forward]
        # What it gives to others is the last that lasts; they hold it until they are done.
        lasting = [storage for storage in inside if storage.died > start]
        if len(lasting) < 2:
            continue
        *kept, given = lasting
        ends = {id(storage): forward[-1] + 1 for storage in kept}
        if given.op in _SAVE_RESULT:
            kept, ends = [*kept, given], {**ends, id(given): start}
        again = [storage for storage in inside if storage.born <= kept[-1].born]
        changed = _run_again(timeline, range(forward[0], kept[-1].born + 1), again, ends, start)
        yield Advice(f"checkpoint {block}", changed.peak_bytes)


def _run_again(
    timeline: Timeline,
    forward: range,
    made: Iterable[Storage],
    ends: Mapping[int, int],
    start: int,
) -> Timeline:
    """The timeline with some moments of the forward pass once more, before the moment `start`.

    They make what they `made` again. What the backward pass needs of it lasts the first time until
    it `ends`, by id, and the second time as long as it did. The second time stops with the last of
    these, as a checkpoint's does.
    """
    more, back = len(forward), start - forward[0]
    again = [
        storage._replace(
            born=storage.born + back,
            died=storage.died + more
            if id(storage) in ends
            else min(storage.died + back, start + more),
        )
        for storage in made
    ]
    first = (
        storage._replace(died=ends[id(storage)]) if id(storage) in ends else storage
        for storage in timeline.storages
    )
    moments = timeline.moments
    return replace(
        timeline,
        moments=(*moments[:start], *moments[forward[0] : forward[-1] + 1], *moments[start:]),
        storages=(*(_later(storage, start, more) for storage in first), *again),
    )


def _later(storage: Storage, start: int, more: int) -> Storage:
    """A storage where so many moments more come before the moment `start`."""
    return storage._replace(
        born=storage.born + more * (storage.born >= start),
        died=storage.died + more * (storage.died > start),
    )


def _blocks(timeline: Timeline) -> Mapping[str, tuple[range, int]]:
    """Modules of one name or two: their moments forward, and the first of the way back."""
    back = next((i for i, m in enumerate(timeline.moments) if "backward" in m.op), None)
    if back is None:
        return {}
    found: dict[str, tuple[list[int], list[int]]] = {}
    for index, moment in enumerate(timeline.moments):
        names = moment.path.split(".")
        for depth in range(1, min(len(names), 3)):
            block = ".".join(names[:depth])
            found.setdefault(block, ([], []))[index >= back].append(index)
    return {
        block: (range(forward[0], forward[-1] + 1), backward[0])
        for block, (forward, backward) in found.items()
        if forward and backward and _is_run(timeline, block, forward)
    }


def _is_run(timeline: Timeline, block: str, moments: list[int]) -> bool:
    """Whether nothing else runs between the first and the last of a block's moments."""
    between = timeline.moments[moments[0] : moments[-1] + 1]
    return all(f"{moment.path}.".startswith(f"{block}.") for moment in between)
