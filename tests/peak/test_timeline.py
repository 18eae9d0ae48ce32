"""Sums over what is alive when, by hand."""

from __future__ import annotations

from shufflenet_flops.peak.result import PeakResult
from shufflenet_flops.peak.timeline import NO_TIMELINE, Moment, Storage, Term, Timeline


def _storage(size: int, born: int, died: int, path: str = "") -> Storage:
    return Storage(size, born, died, (size,), "uint8", path, "op")


# Three calls: 10 bytes are made, then 30 while the 10 are alive, then 5 when only the 30 are.
CHAIN = Timeline(
    {"parameters": 100, "buffers": 0, "inputs": 7},
    (Moment("a", "one"), Moment("b", "two", (Term("im2col", 4),)), Moment("c", "three")),
    (_storage(10, 0, 2), _storage(30, 1, 3, "b"), _storage(5, 2, 3)),
)


def test_a_storage_is_alive_from_the_moment_it_is_made_until_the_one_it_is_gone() -> None:
    assert CHAIN.live_bytes == (10, 40, 35)
    assert CHAIN.used_bytes == (10, 44, 35)
    assert CHAIN.peak == 1
    assert CHAIN.tensor_bytes == 107 + 40
    assert CHAIN.peak_bytes == 107 + 44
    assert [storage.bytes for storage in CHAIN.alive(1)] == [30, 10]


def test_the_terms_are_the_peak() -> None:
    """What is held, as far as there is any, the tensors made, and workspace by its name."""
    assert CHAIN.terms == (
        Term("parameters", 100),
        Term("inputs", 7),
        Term("activations", 40),
        Term("im2col", 4),
    )
    result = PeakResult.of(CHAIN)
    assert sum(term.bytes for term in result.terms) == result.inference_bytes == 151
    assert (result.inference.path, result.inference.op) == ("b", "two")
    assert result.training_bytes is None


def test_where_nothing_is_made_the_peak_is_what_is_held() -> None:
    held = Timeline({"parameters": 8}, (), ())

    assert held.peak is None
    assert held.terms == (Term("parameters", 8),)
    assert PeakResult.of(held).inference_bytes == 8
    assert NO_TIMELINE.peak_bytes == 0
