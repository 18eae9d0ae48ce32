"""ShuffleNet V1, Table 4: which widths fit the budgets at which it sets structures side by side.

The paper publishes the stage-4 channels of five structures at 38 MFLOPs, and neither conv1 nor what
counts nor how odd widths are rounded. Each choice of the three is a reading; none is preferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import sqrt
from types import MappingProxyType
from typing import Literal

from shufflenet_flops.counting.closed_forms import walk_macs
from shufflenet_flops.design.fit import Fit, fit
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo import shufflenet_v1, table4
from shufflenet_flops.zoo.designs import Design, find_design

WidthRounding = Literal["down", "up"]

IMAGE = (1, 3, 224, 224)
CLASSES = 1000
BUDGETS = (140_000_000, 38_000_000, 13_000_000)
PUBLISHED_BUDGET = 38_000_000
# Stage-4 channels at 38 MFLOPs (section 4.2): those structures', and ShuffleNet's.
PUBLISHED: Mapping[str, int] = MappingProxyType({**table4.STAGE4_WIDTHS, "shufflenet": 576})
# Groups of the ShuffleNet in each row of the table.
SHUFFLENET_GROUPS: Mapping[int, int] = MappingProxyType(
    {140_000_000: 8, 38_000_000: 4, 13_000_000: 8}
)


@dataclass(frozen=True)
class StructureFit:
    """One structure at one budget, fc counted.

    `stem` are conv1's channels, a multiple of g. `continuous` is the width at which the MACs, as a
    polynomial in the width, meet the budget, None where no width does; `fit` holds the valid widths
    on either side, and is None where even the narrowest is over.
    """

    structure: str
    g: int | None
    stem: int
    budget: int
    continuous: float | None
    published: int | None
    fit: Fit | None


@dataclass(frozen=True)
class WidthReading:
    """The MACs of the networks with the published widths at 38 MFLOPs, under one reading.

    `stem` are conv1's channels, `fc` whether the fully connected layer counts, `rounding` what
    becomes of widths that are not whole or that the cardinality does not divide. None where there
    is no such network.
    """

    stem: int
    fc: bool
    rounding: WidthRounding
    macs: Mapping[str, int | None]

    def reproduces(self, structure: str) -> bool:
        """Whether the MACs round to the 38 million that the paper prints."""
        macs = self.macs[structure]
        return macs is not None and round(macs / 1e6) * 1_000_000 == PUBLISHED_BUDGET


def rows(stem: int) -> list[StructureFit]:
    """Every structure at every budget, conv1 with `stem` channels."""
    fitted = []
    for budget, structure in product(BUDGETS, PUBLISHED):
        design, numbers = _design(structure, budget, stem)
        try:
            around = fit(design, numbers, {"macs": budget})
        except InputError:
            around = None
        fitted.append(
            StructureFit(
                structure,
                numbers.get("g"),
                numbers["stem"],
                budget,
                _continuous(design, numbers, budget),
                PUBLISHED[structure] if budget == PUBLISHED_BUDGET else None,
                around,
            )
        )
    return fitted


def _design(structure: str, budget: int, stem: int) -> tuple[Design, dict[str, int]]:
    if structure == "shufflenet":
        g = SHUFFLENET_GROUPS[budget]
        return find_design("shufflenet_v1"), {"g": g, "stem": -(-stem // g) * g}
    return find_design(f"shufflenet_v1_table4@structure={structure}"), {"stem": stem}


def _continuous(design: Design, numbers: Mapping[str, int], budget: int) -> float | None:
    """The width whose MACs are `budget` when widths need not be whole; None if conv1 takes more.

    MACs are a quadratic in the width, as every layer has at most two widths; three of its values
    give it exactly.
    """
    # From twice conv1's channels in stage 2 on, of which its first unit emits what conv1 leaves.
    unit = design.step(numbers)
    step = unit * max(16, -(-8 * numbers["stem"] // unit))
    y0, y1, y2 = (
        walk_macs(network.spec, network.input)
        for network in (
            design.build(**design.fill({**numbers, "c": count * step})) for count in (1, 2, 3)
        )
    )
    # In t, where the width is (1 + t) * step: y0 + (y1 - y0) t + (y2 - 2 y1 + y0) t (t - 1) / 2.
    a = (y2 - 2 * y1 + y0) / 2
    b = y1 - y0 - a
    discriminant = b * b - 4 * a * (y0 - budget)
    width = (1 + (-b + sqrt(max(discriminant, 0))) / (2 * a)) * step
    return width if discriminant >= 0 and width > 0 else None


def readings() -> list[WidthReading]:
    """The published widths under every reading."""
    g = SHUFFLENET_GROUPS[PUBLISHED_BUDGET]
    roundings: tuple[WidthRounding, ...] = ("down", "up")
    return [
        WidthReading(
            stem,
            fc,
            rounding,
            {
                structure: _published_macs(structure, c, stem, g, fc, rounding)
                for structure, c in PUBLISHED.items()
            },
        )
        for stem, fc, rounding in product((12, 24), (True, False), roundings)
    ]


def _published_macs(
    structure: str, c: int, stem: int, g: int, fc: bool, rounding: WidthRounding
) -> int | None:
    def divide(channels: int, by: int, step: int = 1) -> int:
        parts = channels // (by * step) if rounding == "down" else -(-channels // (by * step))
        return parts * step

    widths = (divide(c, 4), divide(c, 2), c)
    try:
        match structure:
            case "shufflenet":
                spec = shufflenet_v1.network(widths, stem, g, classes=CLASSES)
            case "resnext":
                bottlenecks = tuple(divide(width, 2, table4.CARDINALITY) for width in widths)
                spec = table4.network(structure, widths, stem, bottlenecks=bottlenecks)
            case "vgg" | "resnet" | "xception":
                spec = table4.network(structure, widths, stem)
        return int(walk_macs(spec, IMAGE)) - (0 if fc else c * CLASSES)
    except SpecError:
        return None
