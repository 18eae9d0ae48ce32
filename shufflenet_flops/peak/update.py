"""The update of parameters that follows a backward pass, and what it keeps from step to step."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops.peak.timeline import Moment, Term, Timeline

_COUNTER = 4  # bytes of the float32 in which adam counts the steps of each parameter
# How many numbers for each element of the largest parameter one update makes on its way: adam's
# root of v, and that by its correction.
_ON_THE_WAY = {"adam": 2, "adamw": 2}


def with_update(timeline: Timeline, optimizer: str, state: int) -> Timeline:
    """The timeline of a step with its update by an optimiser that keeps `state` numbers of each.

    What the optimiser keeps is there all the time, as in every step but the first. Gradients are
    let go of when the step is over, so they are not there in the forward pass of the next.
    """
    end = len(timeline.moments)
    gradients = [storage.bytes for storage in timeline.storages if storage.is_gradient]
    counters = _COUNTER * len(gradients) if optimizer in _ON_THE_WAY else 0
    kept = state * sum(gradients) + counters
    way = _ON_THE_WAY.get(optimizer, 0) * max(gradients, default=0)
    terms = (Term("temporaries of the largest parameter's update", way),) if way else ()
    storages = (
        storage._replace(died=end + 1) if storage.died == end else storage
        for storage in timeline.storages
    )
    return replace(
        timeline,
        held={**timeline.held, "optimizer state": kept},
        moments=(*timeline.moments, Moment("", f"update by {optimizer}", terms)),
        storages=tuple(storages),
    )
