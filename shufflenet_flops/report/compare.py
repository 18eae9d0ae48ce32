"""The table of `compare` and the sentences under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.count.row import MAC_CLASSES
from shufflenet_flops.measure.counters import CounterReport
from shufflenet_flops.report.count import caveats
from shufflenet_flops.report.data import plain
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega, scale_for

_CLASS_NAMES = {
    "norm_elements": "batch-norm element",
    "activation_elements": "activation element",
    "avg_pool_outputs": "average-pool output",
    "avg_pool_windows": "element an average pool looks at",
    "global_pool_inputs": "element a global pool reads",
    "global_pool_outputs": "global-pool output",
    "conv_bias_adds": "convolution bias add",
    "linear_bias_adds": "linear bias add",
}


def results(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """One JSON result per comparison; a whole model has `model` where a unit has `unit`."""
    found = []
    for one in comparisons:
        result = plain(one)
        name = result.pop("name")
        if one.unit is None:
            for key in ("unit", "c", "m", "g", "h", "w", "stride", "formula", "formula_macs"):
                del result[key]
            result = {"model": name} | result
        found.append(result)
    return found


def compare_grid(comparisons: Sequence[Comparison]) -> Grid:
    """Models down; MACs from every side, parameters, memory access and latency across."""
    with_formula = any(one.formula for one in comparisons)
    with_latency = any(one.latency_s for one in comparisons)
    counters = {name: report.unit for name, report in comparisons[0].counters.items()}
    macs = scale_for(one.traced_macs for one in comparisons)
    params = scale_for(one.params for one in comparisons)
    columns = [
        Column("unit" if comparisons[0].unit else "model", figures=False),
        *([Column("formula", figures=False)] if with_formula else []),
        Column(f"analytic\n{macs.prefix}MAC"),
        Column(f"traced\n{macs.prefix}MAC"),
        *(Column(f"{name}\n{macs.prefix}{unit}") for name, unit in counters.items()),
        Column(f"params\n{params.prefix}"),
        Column("memory\nMB"),
        *([Column("latency\nms"), Column("ratio\n")] if with_latency else []),
    ]
    all_analytic = all(one.analytic_macs is not None for one in comparisons)
    several = len(comparisons) > 1
    fewest = min(one.traced_macs for one in comparisons) if several else None
    fastest = (
        min((one.latency_s.median for one in comparisons if one.latency_s), default=None)
        if several
        else None
    )
    rows: list[list[Cell | str]] = []
    for one in comparisons:
        row: list[Cell | str] = [one.name]
        if with_formula:
            row.append(one.formula or "–")
        best = one.traced_macs == fewest
        row.append(
            "–"
            if one.analytic_macs is None
            else Cell(macs(one.analytic_macs), best=best and all_analytic)
        )
        row.append(Cell(macs(one.traced_macs), best=best and not all_analytic))
        reported = (one.counters[name].reported for name in counters)
        row += ["–" if total is None else macs(total) for total in reported]
        row += [params(one.params), mega(one.memory_bytes, 2)]
        if with_latency:
            row += _latency(one, fastest)
        rows.append(row)
    return grid(_title(comparisons), columns, rows, _notes(comparisons))


def _title(comparisons: Sequence[Comparison]) -> str:
    first = comparisons[0]
    if first.unit is None:
        return f"input {' | '.join(sorted({' '.join(one.inputs) for one in comparisons}))}"
    groups = max(one.g or 1 for one in comparisons)
    return (
        f"units on {first.c}x{first.h}x{first.w}, bottleneck m={first.m}, g={groups}, "
        f"stride {first.stride}"
    )


def _latency(one: Comparison, fastest: float | None) -> list[Cell | str]:
    if one.latency_s is None:
        return ["–", "–"]
    latency = one.latency_s
    time = Cell(f"{latency.median * 1e3:.2f}", best=latency.median == fastest)
    return [time, f"{latency.ratio.ratio:.2f}" if latency.ratio else "1"]


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    notes = []
    specified = [one for one in comparisons if one.analytic_macs is not None]
    same = all(
        one.analytic_macs == one.traced_macs and one.formula_macs in (None, one.analytic_macs)
        for one in specified
    )
    sides = "formula = analytic = traced" if comparisons[0].formula else "analytic = traced"
    macs = ", ".join(f"{one.name} {one.traced_macs:,}" for one in comparisons)
    prefix = f"{sides if same else 'NOT EQUAL'}: " if specified else ""
    notes.append(f"{prefix}{macs} MACs")
    for name in comparisons[0].counters:
        notes += _counter_notes(name, comparisons)
    for one in comparisons:
        notes += [
            f"{one.name}: {caveat}"
            for caveat in caveats(one.unknown_ops, real_forward=one.real_forward)
        ]
    notes += _ratio_notes(comparisons)
    fastest = ", fastest" if any(one.latency_s for one in comparisons) else ""
    notes.append(f"* fewest MACs{fastest}; memory: every input, weight and output once, in fp32")
    return notes


def _ratio_notes(comparisons: Sequence[Comparison]) -> list[str]:
    ratios = [(one.name, one.latency_s.ratio) for one in comparisons if one.latency_s]
    shown = [
        f"{name} {ratio.low:.2f} to {ratio.high:.2f}"
        + ("" if ratio.clear else " (no clear difference)")
        for name, ratio in ratios
        if ratio
    ]
    if not shown:
        return []
    return [f"time over {ratios[0][0]}'s, 95 % interval: {', '.join(shown)}"]


def _counter_notes(name: str, comparisons: Sequence[Comparison]) -> list[str]:
    reports = {one.name: one.counters[name] for one in comparisons}
    first = next(iter(reports.values()))
    # A local label, as in 2.13.0+cpu, says how torch was built, not how it counts.
    who = f"{first.distribution} {first.version.partition('+')[0]}".rstrip()
    notes = []
    for model, report in reports.items():
        if report.status == "unavailable":
            notes.append(f"{who} is unavailable on {model}: {report.reason}")
        elif report.residual:
            notes.append(f"{who} on {model}: {report.residual:+,} not explained")
    available = {model: report for model, report in reports.items() if report.status == "ok"}
    if not available:
        return notes
    extras = _extras(available)
    parts = []
    if first.unit == "FLOP":
        parts.append("counts 2 FLOP for each MAC")
    for op_class, by_model in extras.items():
        weights = {report.weights.get(op_class) for report in available.values()} - {None}
        each = f"{weights.pop()} per" if len(weights) == 1 else "work for each"
        amounts = set(by_model.values())
        shown = (
            f"+{amounts.pop():,}" + (" each" if len(by_model) > 1 else "")
            if len(amounts) == 1 and len(by_model) == len(available)
            else ", ".join(f"{model} +{amount:,}" for model, amount in by_model.items())
        )
        what = _CLASS_NAMES.get(op_class, op_class.replace("_", " "))
        parts.append(f"adds {each} {what}: {shown}")
    if parts:
        notes.append(f"{who} {'; '.join(parts)}")
    return notes


def _extras(reports: Mapping[str, CounterReport]) -> dict[str, dict[str, int]]:
    """Terms that are no MACs: op class to model to amount."""
    macs = {op_class.value for op_class in MAC_CLASSES}
    extras: dict[str, dict[str, int]] = {}
    for model, report in reports.items():
        for op_class, amount in report.terms.items():
            if op_class not in macs:
                extras.setdefault(op_class, {})[model] = amount
    return extras
