"""Channel shuffle, and what it does to a channel's neighbours."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.build import ChannelShuffle


def test_the_papers_example_with_g_not_dividing_n() -> None:
    """[a1..a5], [b1..b5], [c1..c5] with g=3, n=5."""
    names = [f"{group}{i}" for group in "abc" for i in range(1, 6)]
    x = torch.arange(15).view(1, 15, 1, 1)
    shuffled = [names[int(i)] for i in ChannelShuffle(3)(x).flatten()]

    assert [shuffled[i : i + 5] for i in (0, 5, 10)] == [
        ["a1", "b1", "c1", "a2", "b2"],
        ["c2", "a3", "b3", "c3", "a4"],
        ["b4", "c4", "a5", "b5", "c5"],
    ]


@given(st.integers(1, 6), st.integers(1, 6))
def test_shuffling_back_with_the_other_factor_restores_the_order(g: int, n: int) -> None:
    """The transpose of a transpose."""
    x = torch.arange(g * n).view(1, g * n, 1, 1)

    assert torch.equal(ChannelShuffle(n)(ChannelShuffle(g)(x)), x)


@given(st.integers(1, 6), st.integers(1, 6))
def test_it_is_torchs_channel_shuffle(g: int, n: int) -> None:
    """torch.nn.functional.channel_shuffle is an independent implementation."""
    x = torch.randn(2, g * n, 2, 3)

    assert torch.equal(ChannelShuffle(g)(x), torch.nn.functional.channel_shuffle(x, g))
