"""What units, or whole networks, cost side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.counting import find_convention
from shufflenet_flops.design.formula import evaluate
from shufflenet_flops.errors import SpecError
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.grid import Grid, mega, scale_for
from shufflenet_flops.report.plot.bars import draw_panels
from shufflenet_flops.report.plot.figure import draw_lines
from shufflenet_flops.report.plot.shuffle import draw_shuffle
from shufflenet_flops.report.section import Explorer, Picture, Section
from shufflenet_flops.report.sections.counter_totals import check_counters, counters_picture
from shufflenet_flops.report.view.compare import compare_grid
from shufflenet_flops.report.view.explorer import explorer_data
from shufflenet_flops.report.view.stages import stages_grid
from shufflenet_flops.zoo.designs import find_unit

GROUPS = range(1, 33)  # of the figure against g, where they divide
_SHUFFLED = 12  # channels in the figure of channel shuffle


def section(saved: Saved) -> Section:
    """Cost of every unit or network, counters' totals, and latency where it was measured."""
    comparisons = saved.typed(Comparison)
    check_counters(saved, (comparison.counters for comparison in comparisons))
    units = all(comparison.unit for comparison in comparisons)
    timed = any(comparison.latency_s for comparison in comparisons)
    convention = find_convention("paper")
    return Section(
        name="compare-units" if units else "compare-networks",
        question="What do the units cost, side by side?"
        if units
        else "What do whole networks cost, side by side?",
        findings=(
            *_cost(comparisons),
            *_memory(comparisons),
            *_counters(comparisons),
            *_latency(comparisons),
        ),
        grids=(compare_grid(comparisons), *_stages(comparisons, units)),
        pictures=(
            _panels(comparisons),
            *(_against_groups(comparisons) if units else []),
            *_counters_picture(comparisons),
            *(_shuffle(comparisons) if units else []),
        ),
        explorer=partial(_explorer, comparisons) if units else None,
        convention=f"`paper`, in MACs: {convention.meaning}. A counter's total is in its own unit.",
        environment=saved.environment if timed else None,
    )


def _explorer(comparisons: Sequence[Comparison]) -> Explorer | None:
    """The formulas at the sizes of these units; they are those of stride 1."""
    first, last = comparisons[0], comparisons[-1]
    if last.stride != 1:
        return None
    sizes = {name: getattr(last, name) for name in "cmghw"}
    return Explorer("units", explorer_data({"unit": last.unit, **sizes, "g": last.g or first.g}))


def _stages(comparisons: Sequence[Comparison], units: bool) -> list[Grid]:
    """The stages of two networks side by side; more would not fit, and a unit has none."""
    with_stages = [comparison for comparison in comparisons if any(comparison.stages.values())]
    if units or len(comparisons) != 2 or len(with_stages) != 2:
        return []
    return [stages_grid(*comparisons)]


def _cost(comparisons: Sequence[Comparison]) -> list[str]:
    least = min(comparisons, key=lambda comparison: comparison.traced_macs)
    others = [comparison for comparison in comparisons if comparison is not least]
    if not others:
        return [f"{least.name} takes {least.traced_macs:,} MACs."]
    times = " and ".join(
        f"{how_many(least.traced_macs, comparison.traced_macs)} {comparison.name}"
        for comparison in _ends(others)
    )
    return [
        f"{least.name} takes {mega(least.traced_macs)} MMAC, {times}"
        + (", which are the nearest and the farthest." if len(others) > 2 else ".")
    ]


def how_many(macs: int, others: int) -> str:
    """How many `macs` are beside as many or more, as `3.9 times fewer than`."""
    if macs == others:
        return "as many as"
    if others >= 1.1 * macs:
        return f"{others / macs:.1f} times fewer than"
    share = 100 * (1 - macs / others)
    return f"{share:.1f} % fewer than" if share >= 0.05 else f"{others - macs:,} fewer than"


def _ends(comparisons: Sequence[Comparison]) -> Sequence[Comparison]:
    """Two at most: of more, those with the fewest and the most MACs."""
    ordered = sorted(comparisons, key=lambda comparison: comparison.traced_macs)
    return comparisons if len(comparisons) < 3 else (ordered[0], ordered[-1])


def _memory(comparisons: Sequence[Comparison]) -> list[str]:
    if len(comparisons) < 2:
        return []
    least = min(comparisons, key=lambda comparison: comparison.memory_bytes)
    most = max(comparisons, key=lambda comparison: comparison.memory_bytes)
    saving = 100 * (1 - least.memory_bytes / most.memory_bytes)
    spread = max(comparison.traced_macs for comparison in comparisons) / min(
        comparison.traced_macs for comparison in comparisons
    )
    ratio = most.memory_bytes / least.memory_bytes
    if ratio == 1:
        return [f"All of them access {mega(least.memory_bytes, 2)} MB of memory."]
    if ratio < spread:
        return [
            f"Memory access varies less than the work: {mega(least.memory_bytes, 2)} MB "
            f"({least.name}) is {saving:.1f} % below {mega(most.memory_bytes, 2)} MB "
            f"({most.name}), where MACs vary {spread:.1f}-fold."
        ]
    how = "more than" if ratio > spread else "as much as"
    return [
        f"Memory access varies {how} the work: from {mega(least.memory_bytes, 2)} MB "
        f"({least.name}) to {mega(most.memory_bytes, 2)} MB ({most.name})."
    ]


def _counters(comparisons: Sequence[Comparison]) -> list[str]:
    """How far counters' totals lie from the MACs, in their own unit, and what stays unexplained."""
    spans, residual = [], 0
    for name in comparisons[0].counters:
        reports = [comparison.counters[name] for comparison in comparisons]
        ratios = [
            report.reported / comparison.traced_macs
            for comparison, report in zip(comparisons, reports, strict=True)
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


def _latency(comparisons: Sequence[Comparison]) -> list[str]:
    first = comparisons[0]
    return [
        f"{comparison.name} takes {ratio.ratio:.2f} times the time of {first.name} (95 % interval "
        f"{ratio.low:.2f} to {ratio.high:.2f}) for "
        f"{comparison.traced_macs / first.traced_macs:.2f} times the MACs."
        for comparison in comparisons
        if comparison.latency_s and (ratio := comparison.latency_s.ratio)
    ]


def _counters_picture(comparisons: Sequence[Comparison]) -> list[Picture]:
    """Of the one with the fewest MACs, where what counters add is the largest part."""
    least = min(comparisons, key=lambda comparison: comparison.traced_macs)
    return [*counters_picture(least.name, least.traced_macs, least.counters)]


def _panels(comparisons: Sequence[Comparison]) -> Picture:
    macs = scale_for(comparison.traced_macs for comparison in comparisons)
    params = scale_for(comparison.params for comparison in comparisons)
    panels = {
        f"{macs.prefix}MAC": [comparison.traced_macs / macs.size for comparison in comparisons],
        f"parameters, {params.prefix}": [
            comparison.params / params.size for comparison in comparisons
        ],
        "memory, MB": [comparison.memory_bytes / 1e6 for comparison in comparisons],
    }
    shown = "MACs, parameters and memory access"
    if all(comparison.latency_s for comparison in comparisons):
        panels["latency, ms"] = [
            comparison.latency_s.median * 1e3 for comparison in comparisons if comparison.latency_s
        ]
        shown += ", and median latency"
    names = [comparison.name for comparison in comparisons]
    return Picture(
        "cost", f"{shown} of {', '.join(names)}", draw_panels(names, panels, title="cost of each")
    )


def _against_groups(comparisons: Sequence[Comparison]) -> list[Picture]:
    """MACs of the units at the same sizes for every g that divides them."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for comparison in comparisons:
        design = find_unit(str(comparison.unit))
        sizes = {
            "c": comparison.c,
            "m": comparison.m,
            "h": comparison.h,
            "w": comparison.w,
            "stride": comparison.stride,
        }
        # Without groups the line is level, and two points tell as much.
        for g in GROUPS if "g" in design.variables else (GROUPS[0], GROUPS[-1]):
            try:
                value = evaluate(design, "macs", design.known(sizes | {"g": g}))
            except SpecError:
                continue
            lines.setdefault(comparison.name, []).append((g, value.total / 1e6))
    if all(comparison.unit == "resnet" for comparison in comparisons):
        return []
    first = comparisons[0]
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


def _shuffle(comparisons: Sequence[Comparison]) -> list[Picture]:
    groups = max(
        (comparison.g or 1 for comparison in comparisons if comparison.unit == "shufflenet"),
        default=1,
    )
    if groups < 2 or _SHUFFLED % groups:
        return []
    return [
        Picture(
            "shuffle",
            f"Channel shuffle: every one of the {groups} groups reads channels of all groups",
            draw_shuffle(groups, _SHUFFLED),
        )
    ]
