"""The table of `compare` and the sentences under it."""

from __future__ import annotations

from collections.abc import Sequence

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.counting.training import TRAINING_CONVENTIONS
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega, scale_for
from shufflenet_flops.report.view.count import caveats
from shufflenet_flops.report.view.counters import counter_notes, of_models


def compare_grid(comparisons: Sequence[Comparison]) -> Grid:
    """Models down; MACs from every side, parameters, memory access and latency across."""
    with_formula = any(comparison.formula for comparison in comparisons)
    with_latency = any(comparison.latency_s for comparison in comparisons)
    counters = {name: report.unit for name, report in comparisons[0].counters.items()}
    with_training = any(comparison.training_macs is not None for comparison in comparisons)
    macs = scale_for(comparison.traced_macs for comparison in comparisons)
    params = scale_for(comparison.params for comparison in comparisons)
    columns = [
        Column(
            "unit" if all(comparison.unit for comparison in comparisons) else "model", figures=False
        ),
        *([Column("formula", figures=False)] if with_formula else []),
        Column(f"analytic\n{macs.prefix}MAC"),
        Column(f"traced\n{macs.prefix}MAC"),
        *(Column(f"{name}\n{macs.prefix}{unit}") for name, unit in counters.items()),
        *([Column(f"training\n{macs.prefix}MAC")] if with_training else []),
        Column(f"params\n{params.prefix}"),
        Column("memory\nMB"),
        *([Column("latency\nms"), Column("ratio\n")] if with_latency else []),
    ]
    several = len(comparisons) > 1
    all_analytic = all(comparison.analytic_macs is not None for comparison in comparisons)
    fewest = min(comparison.traced_macs for comparison in comparisons) if several else None
    fastest = (
        min(
            (comparison.latency_s.median for comparison in comparisons if comparison.latency_s),
            default=None,
        )
        if several
        else None
    )
    rows: list[list[Cell | str]] = []
    for comparison in comparisons:
        row: list[Cell | str] = [comparison.name]
        if with_formula:
            row.append(comparison.formula or "–")
        best = comparison.traced_macs == fewest
        row.append(
            "–"
            if comparison.analytic_macs is None
            else Cell(macs(comparison.analytic_macs), best=best and all_analytic)
        )
        row.append(Cell(macs(comparison.traced_macs), best=best and not all_analytic))
        reported = (comparison.counters[name].reported for name in counters)
        row += ["–" if total is None else macs(total) for total in reported]
        if with_training:
            row.append("–" if comparison.training_macs is None else macs(comparison.training_macs))
        row += [params(comparison.params), mega(comparison.memory_bytes, 2)]
        if with_latency:
            row += _latency(comparison, fastest)
        rows.append(row)
    return grid(_title(comparisons), columns, rows, _notes(comparisons))


def _title(comparisons: Sequence[Comparison]) -> str:
    first = comparisons[0]
    sizes = {(one.unit is None, one.c, one.m, one.h, one.w, one.stride) for one in comparisons}
    if first.unit is None or len(sizes) > 1:
        inputs = dict.fromkeys(" ".join(comparison.inputs) for comparison in comparisons)
        return f"on input {' | '.join(inputs)}"
    groups = max(comparison.g or 1 for comparison in comparisons)
    return (
        f"units on {first.c}x{first.h}x{first.w}, bottleneck m={first.m}, g={groups}, "
        f"stride {first.stride}"
    )


def _latency(comparison: Comparison, fastest: float | None) -> list[Cell | str]:
    if comparison.latency_s is None:
        return ["–", "–"]
    latency = comparison.latency_s
    time = Cell(f"{latency.median * 1e3:.2f}", best=latency.median == fastest)
    return [time, f"{latency.ratio.ratio:.2f}" if latency.ratio else "1"]


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    notes = []
    specified = [comparison for comparison in comparisons if comparison.analytic_macs is not None]
    by_sides: dict[str, list[tuple[str, int]]] = {}
    for comparison in comparisons:
        named = comparison.name, comparison.traced_macs
        by_sides.setdefault(agreement(comparison), []).append(named)
    notes += [f"{sides}: {of_models(macs)} MACs" for sides, macs in by_sides.items()]
    refused = {
        comparison.name: reason
        for comparison in comparisons
        if (reason := _shared_refusal(comparison))
    }
    counted = [comparison for comparison in comparisons if comparison.name not in refused]
    norms = {norm for comparison in counted for norm in comparison.norms}
    for name in comparisons[0].counters if counted else ():
        reports = {comparison.name: comparison.counters[name] for comparison in counted}
        notes += counter_notes(reports, norms)
    notes += [f"{name}: no counter can run: {reason}" for name, reason in refused.items()]
    for comparison in comparisons:
        because = comparison.real_because if comparison.real_forward else None
        notes += [
            f"{comparison.name}: {caveat}" for caveat in caveats(comparison.unknown_ops, because)
        ]
    if any(comparison.training_macs is not None for comparison in comparisons):
        notes.append(f"training: {TRAINING_CONVENTIONS['training']}")
    notes += _ratio_notes(comparisons)
    fastest = ", fastest" if any(comparison.latency_s for comparison in comparisons) else ""
    precision = ", in fp32" if len(specified) == len(comparisons) else ""
    star = f"* fewest MACs{fastest}; " if len(comparisons) > 1 else ""
    notes.append(f"{star}memory: every input, weight and output once{precision}")
    return notes


def agreement(comparison: Comparison) -> str:
    """Which sides count the same MACs: those that there are of the formula, the spec, the trace."""
    sides = {
        "formula": comparison.formula_macs,
        "analytic": comparison.analytic_macs,
        "traced": comparison.traced_macs,
    }
    known = {side: macs for side, macs in sides.items() if macs is not None}
    differ = ", ".join(f"{side} {macs:,}" for side, macs in known.items())
    return " = ".join(known) if len(set(known.values())) == 1 else f"NOT EQUAL ({differ})"


def _ratio_notes(comparisons: Sequence[Comparison]) -> list[str]:
    ratios = [
        (comparison.name, comparison.latency_s.ratio)
        for comparison in comparisons
        if comparison.latency_s
    ]
    shown = [
        f"{name} {ratio.low:.2f} to {ratio.high:.2f}"
        + ("" if ratio.clear else " (no clear difference)")
        for name, ratio in ratios
        if ratio
    ]
    if not shown:
        return []
    return [f"time over {ratios[0][0]}'s, 95 % interval: {', '.join(shown)}"]


def _shared_refusal(comparison: Comparison) -> str:
    """The reason for which all counters are unavailable, if it is one and the same."""
    reasons = {report.reason for report in comparison.counters.values()}
    return reasons.pop() if len(reasons) == 1 else ""
