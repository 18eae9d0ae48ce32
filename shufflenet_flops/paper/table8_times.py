"""ShuffleNet V1, Table 8: which networks and sizes, and what became of its ratios here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shufflenet_flops.latency.measure import Pair, Timing
from shufflenet_flops.paper import load_table
from shufflenet_flops.sources import Input

# The paper's rows by our networks. Its AlexNet is taken as the single tower, which unlike the
# original of 227x227 fits the 224x224 of the table.
ROWS = {
    "shufflenet_v1_x0_5_g3": "0.5x (g=3)",
    "shufflenet_v1_x1_0_g3": "1x (g=3)",
    "shufflenet_v1_x2_0_g3": "2x (g=3)",
    "alexnet": "AlexNet",
    "mobilenet_v1_x1_0": "1.0 MobileNet-224",
}
SIZES = ((224, 224), (480, 640), (720, 1280))
INPUTS = tuple(Input((1, 3, h, w)) for h, w in SIZES)
# Numerator and denominator: AlexNet's over the smallest ShuffleNet's is the paper's "13x".
RATIOS = (
    ("alexnet", "shufflenet_v1_x0_5_g3"),
    ("shufflenet_v1_x1_0_g3", "shufflenet_v1_x0_5_g3"),
    ("shufflenet_v1_x2_0_g3", "shufflenet_v1_x1_0_g3"),
    ("mobilenet_v1_x1_0", "shufflenet_v1_x2_0_g3"),
)


@dataclass(frozen=True)
class Against:
    """One ratio at one size: the MACs', the paper's times', and ours by engine.

    With `per_4x` the ratios of times are what they would be for a ratio of MACs of exactly 4.
    """

    a: str
    b: str
    size: tuple[int, int]
    theory: float
    paper: float
    ours: dict[str, Pair]
    per_4x: bool = False


def paper_ms(model: str, size: tuple[int, int]) -> float:
    """What the paper prints, in milliseconds on one core of a Snapdragon 820."""
    table = load_table("shufflenet_v1_table_8")
    return float(table.cell(ROWS[model], f"{size[0]}x{size[1]}").printed)


def against(rows: Sequence[Timing]) -> list[Against]:
    """The paper's ratios beside ours, for the sizes that `rows` have."""
    ratios = []
    for size in SIZES:
        here = {(row.model, row.engine): row for row in rows if row.input[2:] == size}
        macs = {row.model: row.macs for row in here.values()}
        for a, b in RATIOS:
            if a in macs and b in macs:
                ours = {
                    row.engine: pair
                    for row in here.values()
                    if row.model == a
                    for pair in row.pairs
                    if pair.b == f"{b} on {row.engine}"
                }
                theory = macs[a] / macs[b]
                ratios.append(
                    Against(a, b, size, theory, paper_ms(a, size) / paper_ms(b, size), ours)
                )
    return ratios


def per_4x(unscaled: Against) -> Against:
    """The speed-up that a 4 times smaller network would have at the same rate: 4^(ln t / ln f)."""

    def scale(ratio: float) -> float:
        return float(4 ** (math.log(ratio) / math.log(unscaled.theory)))

    ours = {
        engine: Pair(pair.a, pair.b, scale(pair.ratio), scale(pair.low), scale(pair.high))
        for engine, pair in unscaled.ours.items()
    }
    return Against(
        unscaled.a, unscaled.b, unscaled.size, 4.0, scale(unscaled.paper), ours, per_4x=True
    )
