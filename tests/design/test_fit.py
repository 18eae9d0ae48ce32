"""The widest network under a budget, against a scan of every width."""

from __future__ import annotations

import random
from bisect import bisect_right
from functools import cache
from math import lcm

import numpy as np
import pytest

from shufflenet_flops.design.fit import fit
from shufflenet_flops.design.sweep.vectorized import count_many
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import design_names, find_design

WIDEST = 4000
BUDGETS = ("macs", "params", "memory_bytes")
STRUCTURES = [f"shufflenet_v1_table4@structure={s}" for s in ("vgg", "xception", "resnext")]


@cache
def every_width(name: str, g: int, h: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All valid widths up to WIDEST, whatever they are multiples of, and their metrics."""
    design = find_design(name)
    numbers = {key: value for key, value in {"g": g, "h": h}.items() if key in design.variables}
    counted = count_many(design, {**numbers, "c": np.arange(1, WIDEST + 1)})
    return counted.kept + 1, dict(counted.metrics)


def test_equals_a_scan_of_every_width_on_600_random_cases() -> None:
    draw = random.Random(7)
    families = [*design_names(), *STRUCTURES]
    cases = 0
    while cases < 600:
        name = draw.choice(families)
        design = find_design(name)
        g, h = draw.choice([1, 2, 3, 4, 8, 16]), draw.choice([32, 224])
        multiple_of = draw.choice([1, 1, 2, 8, 12])
        if name == "shufflenet_v1" and g == 16:
            continue  # Table 1 has no width to scale conv1 by
        widths, metrics = every_width(name, g, h)
        if not len(widths):
            with pytest.raises(SpecError):  # an input that its pools cannot take
                fit(design, {"h": h}, {"macs": 10**9})
            continue
        chosen = draw.sample(BUDGETS, draw.choice([1, 1, 1, 2, 3]))
        budgets = {}
        for metric in chosen:
            smallest, largest = int(metrics[metric][0]), int(metrics[metric][-1])
            budgets[metric] = draw.randint(smallest // 2, draw.choice([smallest * 9, largest]))
        allowed = widths % multiple_of == 0
        within = allowed & np.logical_and.reduce(
            [metrics[metric] <= limit for metric, limit in budgets.items()]
        )
        numbers = {key: value for key, value in {"g": g, "h": h}.items() if key in design.variables}
        if not within.any():
            with pytest.raises(InputError, match="the narrowest"):
                fit(design, numbers, budgets, multiple_of)
            cases += 1
            continue
        best = int(widths[within][-1])
        wider = widths[allowed & (widths > best)]
        if not len(wider):
            continue  # the next one lies beyond the scan
        found = fit(design, numbers, budgets, multiple_of)

        assert (found.best.channels, found.next_wider.channels) == (best, int(wider[0]))
        for choice in (found.best, found.next_wider):
            row = int(np.flatnonzero(widths == choice.channels)[0])
            assert all(choice.metrics[metric] == metrics[metric][row] for metric in metrics)
        assert found.over
        cases += 1


@pytest.mark.parametrize("name", [*design_names(), *STRUCTURES])
@pytest.mark.parametrize("g", [1, 2, 3, 4, 8])
def test_what_the_search_rests_on(name: str, g: int) -> None:
    """Valid widths are the multiples of the step from the narrowest on; metrics grow with them."""
    design = find_design(name)
    numbers = {"g": g} if "g" in design.variables else {}
    step = design.step(numbers)
    widths, metrics = every_width(name, g, 224)
    unit_sized = design.unit is not None

    assert widths.tolist() == list(range(int(widths[0]), WIDEST + 1, step))
    assert widths[0] % step == 0
    assert not unit_sized or widths[0] == step
    for metric in BUDGETS:
        assert (np.diff(metrics[metric]) > 0).all()


def test_a_wider_stem_makes_narrow_networks_impossible() -> None:
    """Stage 2 emits its channels less conv1's, so conv1 sets the narrowest network."""
    found = fit(find_design("shufflenet_v1"), {"g": 3, "stem": 240}, {"macs": 10**9})
    widths = np.arange(1, WIDEST)
    counted = count_many(find_design("shufflenet_v1"), {"g": 3, "stem": 240, "c": widths})

    assert widths[counted.kept[0]] == 1008
    assert found.best.channels % lcm(16, 48) == 0


def test_the_published_network_fits_its_own_budget_exactly() -> None:
    found = fit(find_design("shufflenet_v1"), {"g": 3}, {"macs": 137_460_672})

    assert found.best.channels == 960
    assert found.best.metrics["macs"] == 137_460_672
    assert found.next_wider.channels == 1008
    assert fit(find_design("shufflenet_v1"), {"g": 3}, {"macs": 137_460_671}).best.channels == 912


def test_an_impossible_budget_names_the_smallest_network() -> None:
    with pytest.raises(InputError, match=r"narrowest, of 48 channels, has macs [\d,]+ of 1,000"):
        fit(find_design("shufflenet_v1"), {"g": 3}, {"macs": 1000})


def test_a_rule_that_no_width_meets_is_named() -> None:
    with pytest.raises(SpecError, match="must be divisible by g"):
        fit(find_design("shufflenet_unit"), {"g": 3, "m": 10}, {"macs": 10**9})


def test_an_int_and_a_position_are_told_apart() -> None:
    """The scan above is itself checked: it holds only widths that were asked for."""
    widths, metrics = every_width("conv_unit", 1, 32)

    assert widths.tolist() == list(range(1, WIDEST + 1))
    assert bisect_right(metrics["macs"].tolist(), 9 * 100 * 100 * 32 * 32) == 100


def test_a_budget_is_read_in_any_writing() -> None:
    """As on the command line and in a budget file."""
    design = find_design("shufflenet_v1")
    fits = [
        fit(design, {"g": 3}, {"macs": budget}) for budget in ("140 MMAC", "1.4e8", 140_000_000)
    ]

    assert fits[0] == fits[1] == fits[2]
    with pytest.raises(InputError, match="FLOP is no unit of macs"):
        fit(design, {"g": 3}, {"macs": "140 MFLOP"})
