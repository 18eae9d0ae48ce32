"""Conventions are found by name; those that take time to work out, only when they are needed."""

from __future__ import annotations

import pytest

from shufflenet_flops.counting.convention import Convention, Conventions

OURS, OTHER = (Convention(name, "MAC", "a meaning", {}) for name in ("ours", "other"))


def test_others_are_made_for_who_asks_for_them() -> None:
    """And once."""
    made = []

    def others() -> list[Convention]:
        made.append(OTHER.name)
        return [OTHER]

    conventions = Conventions(OURS, others=others)
    assert conventions["ours"] is OURS
    assert made == []
    assert conventions["other"] is OTHER
    assert list(conventions) == ["ours", "other"]
    assert "third" not in conventions
    assert made == ["other"]


def test_a_name_is_taken_once() -> None:
    """Whoever brings the second."""
    with pytest.raises(ValueError, match="two conventions named 'ours': rename one"):
        Conventions(OURS, OURS)
    conventions = Conventions(OURS, others=lambda: [OURS])
    with pytest.raises(ValueError, match="two conventions named 'ours'"):
        len(conventions)
