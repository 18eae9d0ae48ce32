"""The permutation against torch's, and who sees whom, for any g and n."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.errors import SpecError
from shufflenet_flops.latency.shuffle import (
    chance_unseen,
    connectivity,
    randomly,
    shuffled,
    variants,
)

SIZES = st.integers(1, 12)


@given(SIZES, SIZES)
def test_the_permutation_is_torchs(g: int, n: int) -> None:
    """Channels numbered, shuffled by `torch.nn.functional.channel_shuffle`."""
    channels = torch.arange(g * n, dtype=torch.float32).view(1, g * n, 1, 1)

    assert torch.nn.functional.channel_shuffle(channels, g).flatten().tolist() == list(
        shuffled(g, n)
    )


@given(SIZES, SIZES, st.integers())
def test_rows_and_columns_add_up_to_n(g: int, n: int, seed: int) -> None:
    """Every group reads n channels and has n channels read, whatever the permutation."""
    for name, order in variants(g, n, seed).items():
        matrix = connectivity(name, order, g).matrix

        assert sorted(order) == list(range(g * n))
        assert all(sum(row) == n for row in matrix)
        assert all(sum(column) == n for column in zip(*matrix, strict=True))


@given(SIZES, SIZES)
def test_shuffle_spreads_as_evenly_as_whole_channels_can(g: int, n: int) -> None:
    """n/g of each where g divides n, else its neighbours; all connected from n = g on."""
    found = connectivity("with", shuffled(g, n), g)
    amounts = {channels for row in found.matrix for channels in row}

    assert amounts <= {n // g, -(-n // g)}
    assert found.complete == (n >= g)


@given(SIZES, SIZES)
def test_without_shuffle_groups_see_only_themselves(g: int, n: int) -> None:
    """The paper's Figure 1 (a)."""
    matrix = connectivity("without", tuple(range(g * n)), g).matrix

    assert matrix == tuple(tuple(n * (q == k) for k in range(g)) for q in range(g))


@pytest.mark.parametrize(("g", "n"), [(3, 6), (3, 4), (4, 3), (2, 5)])
def test_connections_are_those_of_two_real_convolutions(g: int, n: int) -> None:
    """A change in one input group changes exactly the output groups that the matrix connects."""
    c = g * n
    first, second = (torch.nn.Conv2d(c, c, 1, groups=g, bias=False) for _ in range(2))
    for conv in (first, second):
        torch.nn.init.constant_(conv.weight, 1.0)
    for name, order in variants(g, n, 0).items():
        matrix = connectivity(name, order, g).matrix
        for k in range(g):
            x = torch.zeros(1, c, 1, 1)
            x[:, k * n : (k + 1) * n] = 1
            with torch.no_grad():
                y = second(first(x)[:, list(order)]).view(g, n)

            # A connected channel carries n; a group's output is n for each that comes from k.
            assert (y / n == torch.tensor([[row[k]] for row in matrix])).all()


def test_the_chance_is_exact() -> None:
    """Against all permutations of 2 groups of 2: a pair is apart in 4 of the 24."""
    from itertools import permutations

    apart = sum(connectivity("", order, 2).matrix[0][1] == 0 for order in permutations(range(4)))

    assert chance_unseen(2, 2) == Fraction(apart, 24) == Fraction(1, 6)
    assert chance_unseen(1, 3) == 0


def test_random_is_the_same_for_the_same_seed() -> None:
    """And another for another."""
    assert randomly(3, 8, 1) == randomly(3, 8, 1) != randomly(3, 8, 2)


def test_no_groups_are_refused() -> None:
    """As by the op itself."""
    with pytest.raises(SpecError, match="g=0"):
        shuffled(0, 3)
