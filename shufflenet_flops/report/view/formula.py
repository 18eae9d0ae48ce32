"""Closed forms: their table, their terms with shares, and what they say about one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.closed_forms import grouped
from shufflenet_flops.counting.metric import MACS, PREFIXES, MetricName, find_metric
from shufflenet_flops.design.formula import Change, Formula, Ratio, Value
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent

if TYPE_CHECKING:
    import sympy
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Derived:
    """A formula with what was asked about it; `derivative` are its terms by the variable `wrt`."""

    formula: Formula
    value: Value | None = None
    wrt: str | None = None
    derivative: Sequence[sympy.Expr] = ()
    changes: tuple[Change, ...] = ()


def formula_result(derived: Derived) -> dict[str, Any]:
    """The JSON result; expressions are text that sympy parses."""
    import sympy

    formula, value = derived.formula, derived.value
    paper = formula.paper
    key = "unit" if formula.design.unit else "model"
    result: dict[str, Any] = {
        key: formula.design.unit or formula.design.name,
        "metric": formula.metric,
        "expression": formula.text,
        "latex": formula.latex,
        "paper": paper.text if paper else None,
        "source": paper.source if paper else None,
        "matches_paper": formula.matches_paper,
        "terms": [
            {
                "kind": kind,
                "expression": grouped([term], str),
                "latex": grouped([term], sympy.latex),
            }
            for kind, term in formula.terms.items()
        ],
        "numbers": dict(value.numbers) if value else None,
        "value": value.total if value else None,
        "parts": dict(value.parts) if value else None,
    }
    if derived.wrt:
        result |= {
            "wrt": derived.wrt,
            "derivative": grouped(derived.derivative, str),
            "derivative_latex": grouped(derived.derivative, sympy.latex),
            "changes": [
                {"at": str(change.at), "before": change.before, "after": change.after}
                for change in derived.changes
            ],
        }
    return result


def formula_grids(found: Sequence[Derived]) -> list[Grid]:
    """One table of all formulas, then each one's terms."""
    metric = found[0].formula.metric
    with_value = any(derived.value for derived in found)
    columns = [
        Column("unit or network", figures=False),
        Column(find_metric(metric).meaning, figures=False),
        *([Column("value")] if with_value else []),
        Column("in the paper", figures=False),
        Column("equal", figures=False),
    ]
    rows: list[list[Cell | str]] = []
    for derived in found:
        formula = derived.formula
        rows.append(
            [
                formula.design.unit or formula.design.name,
                Cell(formula.text, latex=formula.latex),
                *([f"{derived.value.total:,}" if derived.value else "–"] if with_value else []),
                f"{formula.paper.text} ({formula.paper.source})" if formula.paper else "–",
                _EQUAL[formula.matches_paper],
            ]
        )
    free = {str(name) for one in found for name in one.formula.expression.free_symbols}
    networks = any(one.formula.design.unit is None for one in found)
    legend = _legend(free, networks=networks)
    return [grid("closed forms", columns, rows, legend), *map(_terms, found)]


def ratio_result(one: Ratio) -> dict[str, Any]:
    """The JSON result of one unit's formula divided by another's."""
    import sympy

    return {
        "unit": one.over.unit,
        "over": one.under.unit,
        "metric": one.metric,
        "expression": str(one.expression),
        "latex": sympy.latex(one.expression),
        "paper": one.paper.text if one.paper else None,
        "source": one.paper.source if one.paper else None,
        "matches_paper": one.matches_paper,
        "value": None if one.value is None else float(one.value),
    }


def ratio_grid(ratios: Sequence[Ratio]) -> Grid:
    """One line per ratio, with its value where numbers are given."""
    import sympy

    with_value = any(one.value is not None for one in ratios)
    columns = [
        Column("ratio", figures=False),
        Column(f"of {find_metric(ratios[0].metric).meaning}", figures=False),
        *([Column("value")] if with_value else []),
        Column("in the paper", figures=False),
        Column("equal", figures=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            f"{one.over.unit} / {one.under.unit}",
            Cell(str(one.expression), latex=sympy.latex(one.expression)),
            *([] if one.value is None else [f"{float(one.value):.4f}"]),
            f"{one.paper.text} ({one.paper.source})" if one.paper else "–",
            _EQUAL[one.matches_paper],
        ]
        for one in ratios
    ]
    free = {str(name) for one in ratios for name in one.expression.free_symbols}
    return grid("ratios of closed forms", columns, rows, _legend(free, networks=False))


_EQUAL = {True: "yes", False: "NO", None: "–"}


def _legend(free: set[str], *, networks: bool) -> list[str]:
    meaning = {
        "s": "s: width relative to the network named",
        "c": "c: channels of the last stage as published" if networks else "c: input channels",
        "m": "m: bottleneck channels",
        "n": "n: output channels",
        "k": "k: kernel size",
        "g": "g: groups (in ResNeXt, the cardinality)",
        "h": "h, w: input height and width, multiples of the strides",
        "stem": "stem: channels of conv1",
        "classes": "classes: outputs of the network",
    }
    return ["; ".join(text for name, text in meaning.items() if name in free)] if free else []


def _terms(derived: Derived) -> Grid:
    formula, value = derived.formula, derived.value
    parts = value.parts if value else {}
    columns = [
        Column("kind of layer", figures=False),
        Column("term", figures=False),
        *(
            [Column(find_metric(formula.metric).meaning.split()[0]), Column("share")]
            if value
            else []
        ),
    ]
    rows: list[list[Cell | str]] = []
    for kind in dict.fromkeys([*formula.terms, *parts]):
        term = formula.terms.get(kind)
        row: list[Cell | str] = [kind, "–" if term is None else _sum([term])]
        if value:
            row += [f"{parts.get(kind, 0):,}", percent(parts.get(kind, 0), value.total)]
        rows.append(row)
    if derived.wrt:
        rows.append([f"d/d{derived.wrt}", _sum(derived.derivative), *(["–", "–"] if value else [])])
    title = f"terms of {formula.design.unit or formula.design.name}"
    return grid(title, columns, rows, _notes(derived))


def _sum(terms: Sequence[sympy.Expr]) -> Cell:
    import sympy

    return Cell(grouped(terms, str), latex=grouped(terms, sympy.latex))


def _notes(derived: Derived) -> list[str]:
    notes = []
    if derived.value:
        numbers = ", ".join(f"{name}={number}" for name, number in derived.value.numbers.items())
        notes.append(f"with {numbers}: {derived.value.total:,}, walked over these numbers")
    if derived.wrt:
        notes += [
            f"{change.after} takes over from {change.before} as the largest term where "
            f"{derived.wrt} passes {_number(change.at)}"
            for change in derived.changes
        ]
        if not derived.changes:
            notes.append(
                "the same term stays the largest"
                if derived.value or len(derived.formula.terms) == 1
                else "give numbers for the value where another term becomes the largest"
            )
    return notes


def _number(at: sympy.Expr) -> str:
    if at.is_Integer or at.free_symbols:
        return str(at)
    return f"{float(at):.4g}"


def draw_series(
    found: Sequence[tuple[int, Value]], name: str, metric: MetricName, wrt: str
) -> Figure:
    """The metric, and the share of each kind of layer, against one variable."""
    from shufflenet_flops.report.plot.design import draw_shares

    kinds = dict.fromkeys(kind for _, value in found for kind in value.parts)
    prefix = "M" if metric == MACS.name else "k"
    scale = PREFIXES[prefix]
    first = found[0][1].numbers
    fixed = ", ".join(
        f"{key}={number}"
        for key, number in first.items()
        if all(value.numbers[key] == number for _, value in found)
    )
    return draw_shares(
        [x for x, _ in found],
        {kind: [value.parts.get(kind, 0) / scale for _, value in found] for kind in kinds},
        title=f"{name}, {fixed}",
        x_label="channels c of the last stage" if wrt == "s" else AXES.get(wrt, wrt),
        y_label=find_metric(metric).axis(prefix),
    )


AXES = {
    "c": "channels c",
    "m": "bottleneck channels m",
    "n": "output channels n",
    "k": "kernel size k, pixels",
    "g": "groups g",
    "h": "input height h, pixels",
    "w": "input width w, pixels",
}
