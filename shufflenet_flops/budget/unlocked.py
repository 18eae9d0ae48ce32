"""Budgets of what no lock holds: the arena of one inference, and the MACs of a training step."""

from __future__ import annotations

import logging
from dataclasses import replace

from shufflenet_flops.budget.block import Block
from shufflenet_flops.budget.count import told
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.budget.verdict import Verdict, beside_ceiling, unsure
from shufflenet_flops.counting.amount import figures
from shufflenet_flops.counting.metric import PEAK_DTYPES, TRAINING
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources import Source
from shufflenet_flops.sources.arenas import arenas_of

_LOG = logging.getLogger(__name__)


UNLOCKED = (*PEAK_DTYPES, TRAINING.key)


def judge_unlocked(source: Source, block: Block, limit: Limit) -> Verdict:
    """The verdict on a model that is counted; one that cannot be traced so is an `error`."""
    metric, ceiling = limit.metric, int(limit.value)
    try:
        with contained():
            actual, hint = _worked_out(source, limit)
    except Exception as error:
        _LOG.debug("%s has no %s:", block.name, metric, exc_info=True)
        return Verdict(block.name, metric, "error", told(error))
    verdict = beside_ceiling(block.name, metric, actual, ceiling)
    if actual > ceiling:
        return replace(verdict, hint=f"{hint}, or raise `{metric}` and say why in `reason`")
    if block.uncounted:
        least = f"at least {figures(metric, actual, ceiling)[0]}"
        return unsure(verdict, least, block.uncounted)
    return verdict


def _worked_out(source: Source, limit: Limit) -> tuple[int, str]:
    """The figure, and what could be done were it over the limit."""
    if limit.metric == TRAINING.key:
        macs = source.step(ALL)[1].macs
        return macs, "`count --training` shows which layers take it: make them lighter"
    sizes = {size.dtype: size for size in arenas_of(source)}
    size = sizes[PEAK_DTYPES[limit.metric]]
    least = size.lower_bound_bytes
    if least <= limit.value:
        hint = f"find another plan of the arena, as {least:,} bytes are alive at most"
    else:
        hint = "`count --peak` shows what is alive at the peak: make that smaller"
    return size.arena_bytes, hint
