"""The table of `compare` and the sentences under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.comparison import Comparison
from shufflenet_flops.report.format.data import plain
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, mega, scale_for
from shufflenet_flops.report.saved import structured
from shufflenet_flops.report.view.count import caveats
from shufflenet_flops.report.view.counters import counter_notes


def results(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """One JSON result per comparison; a whole model has `model` where a unit has `unit`."""
    found = []
    for one in comparisons:
        result = plain(one)
        name = result.pop("name")
        if one.unit is None:
            for key in _UNIT_KEYS:
                del result[key]
            result = {"model": name} | result
        found.append(result)
    return found


def comparisons_from(found: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The comparisons whose `results` are `found`."""
    return [
        structured(
            Comparison,
            dict.fromkeys(_UNIT_KEYS) | {"name": one.get("model") or one["unit"]} | dict(one),
            f"results[{i}]",
        )
        for i, one in enumerate(found)
    ]


_UNIT_KEYS = ("unit", "c", "m", "g", "h", "w", "stride", "formula", "formula_macs")


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
    several = len(comparisons) > 1
    all_analytic = all(one.analytic_macs is not None for one in comparisons)
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
    refused = {one.name: reason for one in comparisons if (reason := _shared_refusal(one))}
    counted = [one for one in comparisons if one.name not in refused]
    for name in comparisons[0].counters if counted else ():
        notes += counter_notes({one.name: one.counters[name] for one in counted})
    notes += [f"{name}: no counter can run: {reason}" for name, reason in refused.items()]
    for one in comparisons:
        notes += [
            f"{one.name}: {caveat}"
            for caveat in caveats(one.unknown_ops, real_forward=one.real_forward)
        ]
    notes += _ratio_notes(comparisons)
    fastest = ", fastest" if any(one.latency_s for one in comparisons) else ""
    precision = ", in fp32" if len(specified) == len(comparisons) else ""
    notes.append(f"* fewest MACs{fastest}; memory: every input, weight and output once{precision}")
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


def _shared_refusal(one: Comparison) -> str:
    """The reason for which all counters are unavailable, if it is one and the same."""
    reasons = {report.reason for report in one.counters.values()}
    return reasons.pop() if len(reasons) == 1 else ""
