"""Tables of `shuffle`: the permutation, who sees whom, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from shufflenet_flops.errors import plural
from shufflenet_flops.latency.shuffle import Connectivity, OpCost, UnitShare, variants
from shufflenet_flops.report.grid import Column, Grid, grid, with_notes
from shufflenet_flops.report.section import measured_on
from shufflenet_flops.saved import given_with

_LETTERS = 26


@dataclass(frozen=True)
class ShuffleResult:
    """What channel shuffle does to g groups of n channels, and what it costs where it was timed.

    `permutation` is the shuffle; `connectivity` also that of none and of a random one, by `seed`.
    `chance_unseen` is a fraction as text.
    """

    g: int
    n: int
    seed: int
    permutation: tuple[int, ...]
    connectivity: tuple[Connectivity, ...]
    chance_unseen: str
    costs: tuple[OpCost, ...] | None = field(metadata=given_with("costs"))
    unit_shares: tuple[UnitShare, ...] | None = field(metadata=given_with("unit_shares"))


def shuffle_grids(result: ShuffleResult, environment: Mapping[str, Any]) -> list[Grid]:
    """The permutation, the connections, and the times with the environment they were taken in."""
    g, n = result.g, result.n
    grids = [
        permutation_grid(variants(g, n, result.seed), g, n),
        *connectivity_grids(result.connectivity, g, n, Fraction(result.chance_unseen)),
    ]
    if result.costs is not None and result.unit_shares is not None:
        shares = with_notes(share_grid(result.unit_shares, g), [measured_on(environment)])
        grids += [cost_grid(result.costs), shares]
    return grids


def group_name(k: int, g: int) -> str:
    """`A` for the first group, where letters suffice, else its number and a dot."""
    return chr(ord("A") + k) if g <= _LETTERS else f"{k}."


def permutation_grid(permutations: Mapping[str, Sequence[int]], g: int, n: int) -> Grid:
    """Each group's channels, named by the group that made them, through each permutation."""
    names = [f"{group_name(channel // n, g)}{channel % n}" for channel in range(g * n)]
    rows = [
        [
            group_name(q, g),
            *(
                " ".join(names[channel] for channel in order[q * n : (q + 1) * n])
                for order in permutations.values()
            ),
        ]
        for q in range(g)
    ]
    columns = [
        Column("group", figures=False),
        *(Column(name, figures=False) for name in permutations),
    ]
    return grid(
        f"channels between two grouped convolutions: g={g} groups of n={n}",
        columns,
        rows,
        [_legend(g, n)],
    )


def _legend(g: int, n: int) -> str:
    """What the name of a channel says, by one that there is: `B2`, if there are so many."""
    k, i = min(1, g - 1), min(2, n - 1)
    name, place = group_name(k, g), ("first", "second", "third")[i]
    return f"{name}{i} is the {place} channel that group {name} of the first convolution made"


def connectivity_grids(
    connectivity: Sequence[Connectivity], g: int, n: int, chance: Fraction
) -> list[Grid]:
    """Who sees whom, a matrix per permutation."""
    grids = []
    for connections in connectivity:
        rows = [
            [group_name(q, g), *(str(channels) if channels else "·" for channels in row)]
            for q, row in enumerate(connections.matrix)
        ]
        amounts = sorted({channels for row in connections.matrix for channels in row})
        note = (
            f"every output group sees every input group, through {_amounts(amounts)}"
            if connections.complete
            else f"{connections.unseen} of {g * g} pairs of groups are not connected"
        )
        grids.append(
            grid(
                f"input groups that each output group sees: {connections.name}",
                [Column("output", figures=False), *(Column(group_name(k, g)) for k in range(g))],
                rows,
                [note],
            )
        )
    notes = [
        "figures: how many of the channels an output group reads were made by that input group",
        f"n={n} is {'a' if n % g == 0 else 'no'} multiple of g={g}: shuffled, "
        + (
            "every output group gets the same from each"
            if n % g == 0
            else "groups get what is as near to equal as whole channels can be"
        ),
        "a random permutation leaves a given pair unconnected with the exact chance "
        f"{chance.numerator:,}/{chance.denominator:,} = {float(chance):.2g}",
    ]
    return [*grids[:-1], with_notes(grids[-1], notes)]


def _amounts(amounts: Sequence[int]) -> str:
    """`1 channel`, `1 or 2 channels`."""
    *others, last = amounts
    return " or ".join((*map(str, others), plural(last, "channel")))


def cost_grid(costs: Sequence[OpCost]) -> Grid:
    """Ways to shuffle, with the bandwidth each reaches beside a plain copy's."""
    return grid(
        "the shuffle alone, in PyTorch",
        [
            Column("map"),
            Column("way", figures=False),
            Column("moved kB"),
            Column("median µs"),
            Column("quartiles µs"),
            Column("GB/s"),
            Column("copy GB/s"),
            Column("time over copy's"),
            Column("95 %"),
        ],
        [
            [
                f"{cost.c}x{cost.h}x{cost.w}",
                cost.way,
                f"{cost.moved_bytes / 1e3:,.1f}",
                f"{cost.median_s * 1e6:.1f}",
                f"{cost.q1_s * 1e6:.1f} to {cost.q3_s * 1e6:.1f}",
                f"{cost.bytes_per_s / 1e9:.1f}",
                f"{cost.copy_bytes_per_s / 1e9:.1f}",
                f"{cost.over_copy:.2f}",
                f"{cost.low:.2f}–{cost.high:.2f}",
            ]
            for cost in costs
        ],
        [
            "bytes are read once and written once, in fp32; copy: of the same map, in the same "
            "rounds, so both stay in the caches",
            "compiled: with what it costs to enter compiled code, which a whole network pays once",
            "channels-last: what comes out is no longer channels last, as in the built network",
        ],
    )


def share_grid(shares: Sequence[UnitShare], g: int) -> Grid:
    """How much of a unit's time goes when its shuffle does, per engine."""
    failures = [
        f"{share.engine} at c={share.c} failed: {share.reason}"
        for share in shares
        if share.share is None
    ]
    return grid(
        f"the shuffle in ShuffleNet's unit, g={g}",
        [
            Column("engine", figures=False),
            Column("unit"),
            Column("with µs"),
            Column("without µs"),
            Column("share of the unit"),
            Column("95 %"),
        ],
        [
            [
                share.engine,
                f"{share.c}x{share.h}x{share.w}",
                _microseconds(share.with_s),
                _microseconds(share.without_s),
                _percent(share.share),
                _share_interval(share),
            ]
            for share in shares
        ],
        [
            *failures,
            "share: 1 - time without / time with, the median over rounds; = where its 95 % "
            "interval holds 0, so there is no clear difference",
        ],
    )


def _share_interval(share: UnitShare) -> str:
    if share.low is None or share.high is None:
        return "–"
    same = "= " if share.low <= 0 <= share.high else ""
    return f"{same}{_percent(share.low)} to {_percent(share.high)}"


def _microseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e6:,.0f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
