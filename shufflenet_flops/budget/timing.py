"""Latency budgets: each model timed on this machine, beside its reference in the same rounds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from shufflenet_flops.budget.count import ModelCounts, Subject, told
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from shufflenet_flops.latency.stats import Latency

Key: TypeAlias = tuple[tuple[str, ...], Limit]
Timings: TypeAlias = "Mapping[Key, Latency | str]"
THREADS = 1
_LOG = logging.getLogger(__name__)


def time_models(counter: ModelCounts, subjects: Sequence[Subject]) -> Timings:
    """The latency of every subject that has a limit on it, or what went wrong.

    torch is imported only where there is such a limit.
    """
    return {
        (subject.block.order, limit): _time(counter, subject, limit)
        for subject in subjects
        if subject.block
        for limit in subject.entry.limits
        if limit.metric == "latency"
    }


def _time(counter: ModelCounts, subject: Subject, limit: Limit) -> Latency | str:
    from shufflenet_flops.latency.sampling import sample
    from shufflenet_flops.latency.stats import summarise

    assert subject.source is not None
    try:
        with contained():
            calls = {"model": _call(subject.source)}
            if limit.reference is not None:
                calls["reference"] = _call(counter.reference(subject.entry, limit.reference))
            samples = sample(calls)
    except Exception as error:
        _LOG.debug("%s cannot be timed:", subject.name, exc_info=True)
        return told(error)
    if limit.reference is None:
        return summarise(samples["model"])
    return summarise(samples["model"], (limit.reference, samples["reference"]))


def _call(source: Source) -> Callable[[], object]:
    from shufflenet_flops.latency.engines.eager import Eager
    from shufflenet_flops.latency.engines.protocol import Setup

    return Eager().prepare(source.module(), source.example_inputs(), Setup(THREADS))
