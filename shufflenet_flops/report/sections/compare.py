"""What units, or whole networks, cost side by side."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.counting import find_convention
from shufflenet_flops.design.formula import evaluate
from shufflenet_flops.errors import SpecError
from shufflenet_flops.report.grid import mega, scale_for
from shufflenet_flops.report.plot.bars import draw_panels
from shufflenet_flops.report.plot.figure import draw_lines
from shufflenet_flops.report.plot.shuffle import draw_shuffle
from shufflenet_flops.report.saved import Saved
from shufflenet_flops.report.section import Picture, Section
from shufflenet_flops.report.sections.counter_totals import counters_picture
from shufflenet_flops.report.view.compare import compare_grid, comparisons_from
from shufflenet_flops.zoo.designs import find_unit

GROUPS = range(1, 33)  # of the figure against g, where they divide
_SHUFFLED = 12  # channels in the figure of channel shuffle


def section(saved: Saved) -> Section:
    """Cost of every unit or network, counters' totals, and latency where it was measured."""
    found = comparisons_from(saved.results)
    units = all(one.unit for one in found)
    timed = any(one.latency_s for one in found)
    convention = find_convention("paper")
    return Section(
        name="compare-units" if units else "compare-networks",
        question="What do the units cost, side by side?"
        if units
        else "What do whole networks cost, side by side?",
        findings=(*_cost(found), *_memory(found), *_counters(found), *_latency(found)),
        grids=(compare_grid(found),),
        pictures=(
            _panels(found),
            *(_against_groups(found) if units else []),
            _counters_picture(found),
            *(_shuffle(found) if units else []),
        ),
        convention=f"`paper`, in MACs: {convention.meaning}. A counter's total is in its own unit.",
        environment=saved.environment if timed else None,
    )


def _cost(found: Sequence[Comparison]) -> list[str]:
    least = min(found, key=lambda one: one.traced_macs)
    others = [one for one in found if one is not least]
    if not others:
        return [f"{least.name} takes {least.traced_macs:,} MACs."]
    times = " and ".join(
        f"{one.traced_macs / least.traced_macs:.1f} times fewer than {one.name}"
        for one in _ends(others)
    )
    return [
        f"{least.name} takes {mega(least.traced_macs)} MMAC, {times}"
        + (", which are the nearest and the farthest." if len(others) > 2 else ".")
    ]


def _ends(found: Sequence[Comparison]) -> Sequence[Comparison]:
    """Two at most: of more, those with the fewest and the most MACs."""
    ordered = sorted(found, key=lambda one: one.traced_macs)
    return found if len(found) < 3 else (ordered[0], ordered[-1])


def _memory(found: Sequence[Comparison]) -> list[str]:
    if len(found) < 2:
        return []
    least = min(found, key=lambda one: one.memory_bytes)
    most = max(found, key=lambda one: one.memory_bytes)
    saving = 100 * (1 - least.memory_bytes / most.memory_bytes)
    spread = max(one.traced_macs for one in found) / min(one.traced_macs for one in found)
    return [
        f"Memory access varies less than the work: {mega(least.memory_bytes, 2)} MB ({least.name}) "
        f"is {saving:.1f} % below {mega(most.memory_bytes, 2)} MB ({most.name}), where MACs vary "
        f"{spread:.1f}-fold."
        if most.memory_bytes / least.memory_bytes < spread
        else f"Memory access varies more than the work: from {mega(least.memory_bytes, 2)} MB "
        f"({least.name}) to {mega(most.memory_bytes, 2)} MB ({most.name})."
    ]


def _counters(found: Sequence[Comparison]) -> list[str]:
    """How far counters' totals lie from the MACs, in their own unit, and what stays unexplained."""
    spans, residual = [], 0
    for name in found[0].counters:
        reports = [one.counters[name] for one in found]
        ratios = [
            report.reported / one.traced_macs
            for one, report in zip(found, reports, strict=True)
            if report.reported is not None
        ]
        residual += sum(abs(report.residual or 0) for report in reports)
        if ratios:
            low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
            spans.append(f"{name} {low}" + (f" to {high}" if high != low else ""))
    if not spans:
        return []
    rest = "no operation unexplained" if not residual else f"{residual:,} operations unexplained"
    return [f"Reported totals are, in multiples of the MACs: {', '.join(spans)}; {rest}."]


def _latency(found: Sequence[Comparison]) -> list[str]:
    return [
        f"{one.name} takes {one.latency_s.ratio.ratio:.2f} times the time of {found[0].name} "
        f"(95 % interval {one.latency_s.ratio.low:.2f} to {one.latency_s.ratio.high:.2f}) for "
        f"{one.traced_macs / found[0].traced_macs:.2f} times the MACs."
        for one in found
        if one.latency_s and one.latency_s.ratio
    ]


def _counters_picture(found: Sequence[Comparison]) -> Picture:
    """Of the one with the fewest MACs, where what counters add is the largest part."""
    least = min(found, key=lambda one: one.traced_macs)
    return counters_picture(least.name, least.counters)


def _panels(found: Sequence[Comparison]) -> Picture:
    macs = scale_for(one.traced_macs for one in found)
    params = scale_for(one.params for one in found)
    panels = {
        f"{macs.prefix}MAC": [one.traced_macs / macs.size for one in found],
        f"parameters, {params.prefix}": [one.params / params.size for one in found],
        "memory, MB": [one.memory_bytes / 1e6 for one in found],
    }
    shown = "MACs, parameters and memory access"
    if all(one.latency_s for one in found):
        panels["latency, ms"] = [one.latency_s.median * 1e3 for one in found if one.latency_s]
        shown += ", and median latency"
    names = [one.name for one in found]
    return Picture(
        "cost", f"{shown} of {', '.join(names)}", draw_panels(names, panels, title="cost of each")
    )


def _against_groups(found: Sequence[Comparison]) -> list[Picture]:
    """MACs of the units at the same sizes for every g that divides them."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        design = find_unit(str(one.unit))
        sizes = {"c": one.c, "m": one.m, "h": one.h, "w": one.w, "stride": one.stride}
        # Without groups the line is level, and two points tell as much.
        for g in GROUPS if "g" in design.variables else (GROUPS[0], GROUPS[-1]):
            try:
                value = evaluate(design, "macs", design.known(sizes | {"g": g}))
            except SpecError:
                continue
            lines.setdefault(one.name, []).append((g, value.total / 1e6))
    if all(one.unit == "resnet" for one in found):
        return []
    first = found[0]
    return [
        Picture(
            "groups",
            f"MACs of {', '.join(lines)} against the number of groups, at the same sizes",
            draw_lines(
                lines,
                title=f"complexity against groups: c={first.c}, m={first.m}, "
                f"{first.h}x{first.w}, stride {first.stride}",
                x_label="groups g",
                y_label="MMAC",
            ),
        )
    ]


def _shuffle(found: Sequence[Comparison]) -> list[Picture]:
    groups = max((one.g or 1 for one in found if one.unit == "shufflenet"), default=1)
    if groups < 2 or _SHUFFLED % groups:
        return []
    return [
        Picture(
            "shuffle",
            f"Channel shuffle: every one of the {groups} groups reads channels of all groups",
            draw_shuffle(groups, _SHUFFLED),
        )
    ]
