"""The table of `explain --training`: the parts of a step, from its spec, its trace and torch."""

from __future__ import annotations

from collections.abc import Iterator

from shufflenet_flops.counters.step_cost import BACKWARD, FORGOTTEN_GROUPS, FORWARD, TERMS
from shufflenet_flops.counters.training import StepExplanation, StepReport
from shufflenet_flops.counting.backward import Purpose
from shufflenet_flops.report.grid import Column, Grid, grid, scale_within
from shufflenet_flops.report.view.count import caveats
from shufflenet_flops.report.view.counters import who
from shufflenet_flops.report.view.explain import miscount_warning
from shufflenet_flops.report.view.lines import or_dash
from shufflenet_flops.spec import shape_text

# Of the backward pass: a label, the field of StepMacs, and the term of a counter.
_BACK = (
    ("back by weights", "weight_macs", TERMS[Purpose.WEIGHTS]),
    ("back by inputs", "input_macs", TERMS[Purpose.INPUTS]),
    ("done again", "recomputed_macs", TERMS[Purpose.RECOMPUTED]),
    ("forgotten groups", "", FORGOTTEN_GROUPS),
)

_REPORT = "NOT EXPLAINED, please report it"


def step_grid(explanation: StepExplanation) -> Grid:
    """A line for each part of the step, then the totals and what is to be said of them."""
    reports = [report for report in explanation.counters.values() if report.status == "ok"]
    spec = {} if explanation.spec is None else {"spec": explanation.spec}
    sides = {**spec, "traced": explanation.traced}
    totals = [report.reported or 0 for report in reports]
    scale = scale_within("M", 3, max([explanation.traced.total_macs, *totals]))

    def line(label: str, key: str, of_counters: list[int]) -> list[str]:
        macs = [getattr(side, key) if key else 0 for side in sides.values()]
        return [label, *(or_dash(value, scale) for value in (*macs, *of_counters))]

    passes = [report.passes for report in reports]
    rows = [line("forward", "forward_macs", [of[FORWARD].predicted for of in passes])]
    for label, key, term in _BACK:
        rows.append(line(label, key, [of[BACKWARD].terms.get(term, 0) for of in passes]))
    rows = [row for row in rows if set(row[1:]) != {"–"}]
    blank = [""] * len(sides)
    rows += [
        line("total", "total_macs", [report.predicted or 0 for report in reports]),
        ["reported", *blank, *map(scale, totals)],
        ["residual", *blank, *(f"{report.residual:,}" for report in reports)],
    ]
    columns = [
        Column("part", figures=False),
        *(Column(f"{name}\n{scale.prefix}MAC") for name in sides),
        *(Column(f"{report.name}\n{scale.prefix}{report.unit}") for report in reports),
    ]
    title = f"a training step of {explanation.model} on {shape_text(explanation.input)}"
    return grid(title, columns, rows, list(_notes(explanation)))


def _notes(explanation: StepExplanation) -> Iterator[str]:
    macs = explanation.traced
    yield f"{macs.total_macs:,} MACs under `training`; a real backward pass was traced"
    if explanation.spec is not None:
        if explanation.spec == macs:
            yield "the spec, walked without torch, has the same MACs of each part"
        else:
            more = explanation.spec.total_macs - macs.total_macs
            yield f"{_REPORT}: the spec and the trace differ, by {more:+,} MACs"
    thrice = 3 * macs.forward_macs
    if less := thrice - macs.total_macs:
        yield (
            f"three times the forward pass is {thrice:,} MACs, {less:+,}: no gradient is worked "
            "out that nobody asks for, as that of the network's input"
        )
    for report in explanation.counters.values():
        yield from _of_counter(report)
    yield from caveats(explanation.unknown_ops, None)


def _of_counter(report: StepReport) -> Iterator[str]:
    name = who(report)
    if report.status != "ok":
        yield f"{name} is unavailable: {report.reason}"
        return
    for way, passed in report.passes.items():
        if passed.residual:
            yield f"{_REPORT}: {name} {way}: {passed.residual:+,} {report.unit}s"
    forward, backward = report.passes[FORWARD].reported, report.passes[BACKWARD].reported
    times = f", {backward / forward:.4f} times as much" if forward else ""
    yield f"{name}: {forward:,} {report.unit}s forward, {backward:,} back{times}; 2 for each MAC"
    for miscount in report.miscounts:
        yield miscount_warning(name, miscount)
