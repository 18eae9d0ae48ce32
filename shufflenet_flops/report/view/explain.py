"""The tables of `explain`: op classes down, counters across, and a sentence for each counter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counters.explain import Explanation, NamedNumber
from shufflenet_flops.counters.miscounts import Miscount
from shufflenet_flops.counting.convention import Unit
from shufflenet_flops.report.grid import Column, Grid, UnitPrefix, grid
from shufflenet_flops.report.view.count import caveats
from shufflenet_flops.report.view.counters import counter_notes, who
from shufflenet_flops.saved import record
from shufflenet_flops.spec import OpClass, shape_text

_LABELS = {
    "conv_macs": "convolution MACs",
    "linear_macs": "linear MACs",
    "matmul_macs": "matrix-product MACs",
    "later_macs": "MACs with later keys",
    "conv_bias_adds": "convolution biases",
    "linear_bias_adds": "linear biases",
    "norm_elements": "norms",
    "activation_elements": "activations",
    "softmax_elements": "softmax",
    "add_elements": "additions",
    "mul_elements": "multiplications",
    "mean_outputs": "means",
    "interpolated_elements": "interpolation",
    "other_parameters": "other parameters",
    "recurrent_elements": "recurrent gates",
    "text_padding": "padding by name",
    "unused_results": "unused results",
}
_ORDER = [op_class.value for op_class in OpClass]
_PLACES_SHOWN = 3


def explain_result(explanation: Explanation) -> dict[str, Any]:
    """The JSON result of `explain`."""
    result: dict[str, Any] = record(explanation)
    # As `miscounts` was called at first, for scripts that read it so.
    return result | {"slips": result["miscounts"]}


def explain_records(explanation: Explanation) -> list[dict[str, Any]]:
    """One line of the CSV per counter."""
    return [
        {"model": explanation.model, "input": explanation.input, **record(report)}
        for report in explanation.counters.values()
    ]


def explain_grids(explanation: Explanation) -> list[Grid]:
    """A table per unit, as a MAC and a FLOP are a factor 2 apart, then all that is to be said."""
    available = [report for report in explanation.counters.values() if report.status == "ok"]
    grids = []
    for unit in ("MAC", "FLOP"):
        reports = [report for report in available if report.unit == unit]
        if reports:
            grids.append(_table(explanation, unit, reports))
    notes = [*_notes(explanation), *_warnings(explanation)]
    return [*_not_explained(available), *grids, grid("what each adds to the MACs", [], [], notes)]


def _not_explained(reports: Sequence[CounterReport]) -> list[Grid]:
    """What is wrong comes first: totals that are not the sum of what we know."""
    notes = [
        f"{who(report)}: {report.residual:+,} {report.unit}s, of {', '.join(report.suspects)}"
        for report in reports
        if report.residual
    ]
    return [grid("NOT EXPLAINED, please report it", [], [], notes)] if notes else []


def _table(explanation: Explanation, unit: Unit, reports: Sequence[CounterReport]) -> Grid:
    scale = _scale(max(report.reported or 0 for report in reports))
    columns = [
        Column(f"{scale.prefix}{unit}", figures=False),
        *(Column(report.name.replace("-", "\n")) for report in reports),
    ]
    terms = sorted({term for report in reports for term in report.terms}, key=_rank)
    rows = [
        [
            class_label(term),
            *(_figure(scale, report.terms.get(term, 0)) for report in reports),
        ]
        for term in terms
    ]
    rows += [
        ["predicted", *(scale(report.predicted or 0) for report in reports)],
        ["reported", *(scale(report.reported or 0) for report in reports)],
        ["residual", *(f"{report.residual:,}" for report in reports)],
    ]
    title = f"{explanation.model} on {shape_text(explanation.input)}, counters of {unit}s"
    return grid(title, columns, rows)


def _scale(largest: int) -> UnitPrefix:
    """Millions, to the thousand, as long as nine counters fit into 100 columns."""
    return UnitPrefix("M", 10**6, 3) if largest < 10**10 else UnitPrefix("G", 10**9, 4)


def _figure(scale: UnitPrefix, value: int) -> str:
    """A little is not nothing, which is a dash."""
    if not value:
        return "–"
    least = scale.size // 10**scale.digits
    return scale(value) if value >= least else f"<{scale(least)}"


def _rank(term: str) -> int:
    return _ORDER.index(term) if term in _ORDER else len(_ORDER)


def _notes(explanation: Explanation) -> list[str]:
    notes = [f"{explanation.macs:,} MACs of convolutions, linear layers and matrix products ran"]
    for report in explanation.counters.values():
        sentences = counter_notes({explanation.model: report}, explanation.norms)
        if report.status == "ok":
            *others, last = sentences or [who(report)]
            total = f": {report.reported:,} {report.unit}s"
            name = who(report)
            rest = last.removeprefix(name).strip()
            notes += [*others, f"{name}{total}; {rest or 'adds nothing'}"]
        else:
            notes += sentences
    for name, totals in explanation.other_versions.items():
        listed = ", ".join(f"{version} {total:,}" for version, total in totals.items())
        installed = who(explanation.counters[name])
        notes.append(f"other versions count otherwise than {installed}: {listed}")
    return notes + caveats(explanation.unknown_ops, None)


def _warnings(explanation: Explanation) -> list[str]:
    """Where a counter is wrong, which no convention explains."""
    return [
        miscount_warning(who(explanation.counters[name]), miscount)
        for name, miscounts in explanation.miscounts.items()
        for miscount in miscounts
    ]


def miscount_warning(counter: str, miscount: Miscount) -> str:
    """Where a counter is wrong, and by how much."""
    where = _places(miscount)
    return f"warning: {counter} {miscount.reason}: {miscount.macs:+,} MACs ({where})"


def _places(miscount: Miscount) -> str:
    shown = ", ".join(path or "the model itself" for path in miscount.paths[:_PLACES_SHOWN])
    more = len(miscount.paths) - _PLACES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def match_grid(named: NamedNumber) -> Grid:
    """Who gives a number for a model, or who comes near."""
    matches = named.matches
    columns = [
        Column("counter", figures=False),
        Column("model's code", figures=False),
        Column("total"),
        Column("unit", figures=False),
        Column("difference"),
    ]
    rows = [
        [
            match.counter,
            match.style,
            f"{match.predicted:,}",
            f"{match.unit}s",
            f"{match.difference:+,}" if match.difference else "0",
        ]
        for match in matches
    ]
    meant = [match for match in matches if named.is_meant(match)]
    notes = [f"{match.counter}: {_sum(match.terms)}" for match in meant]
    is_exact = any(not match.difference for match in meant)
    nobody = "no counter gives it"
    if named.is_params:
        nobody = f"it has {named.params:,} parameters, and no counter gives that for work"
    answer = (
        "that is"
        if meant and is_exact
        else "what rounds to it is"
        if meant
        else f"{nobody}; the nearest are"
    )
    title = f"{named.reported:,} for {named.model} on {shape_text(named.input)}: {answer}"
    return grid(title, columns, rows, notes)


def _sum(terms: Mapping[str, int]) -> str:
    parts = (f"{class_label(term)} {terms[term]:,}" for term in sorted(terms, key=_rank))
    return " + ".join(parts)


def class_label(term: str) -> str:
    """What a class of work is called in tables and figures."""
    return _LABELS.get(term, term.replace("_", " "))
