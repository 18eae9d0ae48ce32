"""The garbage collector is off for a while, and as it was afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from shufflenet_flops.running.no_gc import no_gc


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_as_it_was(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()

    with no_gc():
        assert not gc.isenabled()
        with no_gc(kept=True):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_what_is_kept_counts_as_old_at_once() -> None:
    """So that no collection of the young looks through it."""
    gc.enable()

    with no_gc(kept=True):
        made: list[object] = []
    with no_gc():
        assert any(thing is made for thing in gc.get_objects(2))
        later: list[object] = []
        assert any(thing is later for thing in gc.get_objects(0))


def test_what_others_froze_stays_frozen() -> None:
    gc.enable()
    gc.freeze()
    try:
        with no_gc(kept=True):
            pass
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
