"""The largest batch under a limit, found with few tries."""

from __future__ import annotations

import pytest

from shufflenet_flops.peak.batch import MOST, BatchFit, largest_batch


class Peaks:
    """A fixed part and one for each sample, and how often it was asked for."""

    def __init__(self, fixed: int, each: int, step: int = 1) -> None:
        self.fixed, self.each, self.step, self.asked = fixed, each, step, 0

    def __call__(self, batch: int) -> int:
        self.asked += 1
        return self.fixed + self.each * -(-batch // self.step) * self.step


@pytest.mark.parametrize("limit", [110, 119, 120, 1_000, 12_345, 10**6, 10**7 + 3])
@pytest.mark.parametrize("step", [1, 4])
def test_it_is_the_last_that_fits(limit: int, step: int) -> None:
    """Of 100 bytes and 10 for each sample; in steps of 4, kernels take samples together."""
    peaks = Peaks(100, 10, step)
    found = largest_batch(peaks, limit)

    assert found.bytes <= limit
    assert found.next_bytes is not None
    assert found.next_bytes > limit
    assert peaks(found.batch + 1) == found.next_bytes
    if step == 1:
        assert found.batch == (limit - 100) // 10
    assert peaks.asked < 40


def test_none_fits() -> None:
    assert largest_batch(Peaks(100, 10), 109) == BatchFit(109, 0, 0, 110)


def test_a_peak_that_does_not_grow() -> None:
    found = largest_batch(Peaks(100, 0), 109)

    assert (found.batch, found.next_bytes) == (MOST, None)
