"""The table of `compare` and the sentences under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.count.row import MAC_CLASSES
from shufflenet_flops.measure.counters import CounterReport
from shufflenet_flops.report.count import caveats
from shufflenet_flops.report.data import plain
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega

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
    counters = list(comparisons[0].counters)
    units = {name: comparisons[0].counters[name].unit for name in counters}
    columns = [
        Column("unit" if comparisons[0].unit else "model", figures=False),
        *([Column("formula", figures=False)] if with_formula else []),
        Column("analytic\nMMAC"),
        Column("traced\nMMAC"),
        *(Column(f"{name}\nM{units[name]}") for name in counters),
        Column("params\nk"),
        Column("memory\nMB"),
        *([Column("latency\nms"), Column("ratio\n95 %")] if with_latency else []),
    ]
    all_analytic = all(one.analytic_macs is not None for one in comparisons)
    fewest = min(one.traced_macs for one in comparisons)
    fastest = min((one.latency_s.median for one in comparisons if one.latency_s), default=None)
    rows: list[list[Cell | str]] = []
    for one in comparisons:
        row: list[Cell | str] = [one.name]
        if with_formula:
            row.append(one.formula or "–")
        best = one.traced_macs == fewest
        row.append(
            "–"
            if one.analytic_macs is None
            else Cell(mega(one.analytic_macs), best=best and all_analytic)
        )
        row.append(Cell(mega(one.traced_macs), best=best and not all_analytic))
        row += [_reported(one.counters[name]) for name in counters]
        row += [f"{one.params / 1e3:,.1f}", mega(one.memory_bytes, 2)]
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


def _reported(report: CounterReport) -> str:
    return mega(report.reported) if report.reported is not None else "–"


def _latency(one: Comparison, fastest: float | None) -> list[Cell | str]:
    if one.latency_s is None:
        return ["–", "–"]
    latency = one.latency_s
    time = Cell(f"{latency.median * 1e3:.2f}", best=latency.median == fastest)
    if latency.ratio is None:
        return [time, "1"]
    ratio = latency.ratio
    return [time, f"{ratio.ratio:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"]


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    notes = []
    specified = [one for one in comparisons if one.analytic_macs is not None]
    same = all(
        one.analytic_macs == one.traced_macs and one.formula_macs in (None, one.analytic_macs)
        for one in specified
    )
    sides = "formula = analytic = traced" if comparisons[0].formula else "analytic = traced"
    macs = ", ".join(f"{one.name} {one.traced_macs:,}" for one in comparisons)
    prefix = (sides if same else "NOT EQUAL") + ", exactly: " if specified else ""
    notes.append(f"{prefix}{macs} MACs")
    for name in comparisons[0].counters:
        notes += _counter_notes(name, comparisons)
    for one in comparisons:
        notes += [
            f"{one.name}: {caveat}"
            for caveat in caveats(one.unknown_ops, real_forward=one.real_forward)
        ]
    if any(one.latency_s for one in comparisons):
        notes.append("* fewest MACs, fastest; ratio of median times to the first row")
    else:
        notes.append("* fewest MACs")
    return notes


def _counter_notes(name: str, comparisons: Sequence[Comparison]) -> list[str]:
    reports = {one.name: one.counters[name] for one in comparisons}
    first = next(iter(reports.values()))
    who = f"{first.distribution} {first.version}".rstrip()
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
