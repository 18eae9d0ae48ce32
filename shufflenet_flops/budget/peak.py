"""Budgets of peak memory: the arena of one inference, held against a device's memory."""

from __future__ import annotations

import logging
from dataclasses import replace

from shufflenet_flops.budget.count import Subject, told
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.budget.verdict import Verdict, unsure
from shufflenet_flops.counting.amount import difference, figures
from shufflenet_flops.counting.metric import PEAK_DTYPES
from shufflenet_flops.foreign import contained
from shufflenet_flops.sources.arenas import arenas_of

_LOG = logging.getLogger(__name__)


def judge_peak(subject: Subject, limit: Limit) -> Verdict:
    """The verdict on the arena of a subject that is counted, in the limit's type.

    It is not in the lock. What cannot be traced is a verdict of status `error`.
    """
    assert subject.source is not None
    assert subject.block is not None
    metric, ceiling = limit.metric, int(limit.value)
    try:
        with contained():
            sizes = {size.dtype: size for size in arenas_of(subject.source)}
    except Exception as error:
        _LOG.debug("%s has no peak memory:", subject.name, exc_info=True)
        return Verdict(subject.name, metric, "error", told(error))
    size = sizes[PEAK_DTYPES[metric]]
    actual = size.arena_bytes
    verdict = Verdict(
        subject.name,
        metric,
        "ok",
        " ≤ ".join(figures(metric, actual, ceiling)),
        actual=actual,
        limit=ceiling,
        delta=actual - ceiling,
    )
    if actual > ceiling:
        return replace(
            verdict,
            status="over",
            message=f"{' > '.join(figures(metric, actual, ceiling))}, "
            f"{difference(metric, actual, ceiling)}",
            hint=_hint(size.lower_bound_bytes, ceiling, metric),
        )
    if subject.block.uncounted:
        least = f"at least {figures(metric, actual, ceiling)[0]}"
        return unsure(verdict, least, subject.block.uncounted)
    return verdict


def _hint(least: int, ceiling: int, metric: str) -> str:
    way = f"or raise `{metric}` and say why in `reason`"
    if least <= ceiling:
        return f"another plan of the arena may fit, as {least:,} bytes are alive at most; {way}"
    return f"`count --peak` shows what is alive at the peak: make that smaller, {way}"
