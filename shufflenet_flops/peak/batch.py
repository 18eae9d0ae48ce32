"""The largest batch whose peak keeps to a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shufflenet_flops.saved import Count

MOST = 2**20  # a batch that nobody asks for: the peak hardly grows
_WIDER = 16  # times the last batch, for the next that is tried


@dataclass(frozen=True)
class BatchFit:
    """The largest batch under a limit with its peak, and the peak of the next larger one.

    `batch` is 0 where not even one sample fits; it is at least as large where `next_bytes` is None.
    """

    limit_bytes: Count
    batch: Count
    bytes: Count
    next_bytes: Count | None


def largest_batch(peak_at: Callable[[int], int], limit: int) -> BatchFit:
    """The largest batch of which `peak_at` gives no more than `limit` bytes.

    The peak is taken to grow with the batch, and nearly in a line, by which the next batch that is
    tried is chosen; what is told was worked out at that batch and at the next.
    """
    low, low_bytes, high, high_bytes = 0, 0, 1, peak_at(1)
    while high_bytes <= limit:
        if high >= MOST:
            return BatchFit(limit, high, high_bytes, None)
        slope = (high_bytes - low_bytes) / (high - low) if low else high_bytes
        guess = high + int((limit - high_bytes) // max(slope, 1)) + 1
        low, low_bytes = high, high_bytes
        high = min(max(guess, low + 1), _WIDER * low, MOST)
        high_bytes = peak_at(high)
    tries = 0
    while high - low > 1:
        tries += 1
        share = (limit - low_bytes) / max(high_bytes - low_bytes, 1) if tries % 3 else 0.5
        middle = min(max(low + int(share * (high - low)), low + 1), high - 1)
        size = peak_at(middle)
        if size <= limit:
            low, low_bytes = middle, size
        else:
            high, high_bytes = middle, size
    return BatchFit(limit, low, low_bytes, high_bytes)
