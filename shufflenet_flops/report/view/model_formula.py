"""The closed form of a model: a table of short formulas with their sum, and what proves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shufflenet_flops.closed_form.expression import Expression, total
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.questions import Overtaking, along, derivative, overtakings
from shufflenet_flops.closed_form.writing import (
    LATEX,
    PEOPLE,
    SYMPY,
    divided,
    total_stride,
    written,
)
from shufflenet_flops.counting import Grouping, find_convention
from shufflenet_flops.counting.measure import PAPER
from shufflenet_flops.counting.metric import MACS, PREFIXES, MetricName, find_metric
from shufflenet_flops.counting.table import group_of
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent
from shufflenet_flops.report.view.formula import noun_of
from shufflenet_flops.saved import Count, given_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 200  # of a curve
# What the names of sizes stand for where they come from inputs.
MEANINGS: Mapping[str, str] = {
    "n": "batch",
    "c": "channels",
    "h": "height",
    "w": "width",
    "s": "length",
    "p": "tokens in the cache",
    "l": "length",
    "t": "frames",
}


@dataclass(frozen=True)
class Written:
    """An expression as people read it, as sympy parses it, and in LaTeX."""

    text: str
    expression: str
    latex: str

    @classmethod
    def of(cls, expression: Expression) -> Written:
        """All three of an expression."""
        return cls(*(written(expression, style) for style in (PEOPLE, SYMPY, LATEX)))


@dataclass(frozen=True)
class PartResult:
    """What one group of rows has of the metric; `value` where sizes are given."""

    name: str
    formula: Written
    value: Count | None


@dataclass(frozen=True)
class ModelFormulaResult:
    """The closed form of a metric of a model over `sizes`, on a domain.

    `divided` is the same without floors, where the sizes are multiples of `strides`; None where it
    has none. It was found at the sizes `fitted` and checked at `held_out`, with so many `traces`.
    `how` tells how the model comes to other sizes, where it is more than given other inputs.
    `value` is at the sizes `at`; `crossings` are along the size `wrt`, with the others as in `at`,
    and `derivative` is by it, of `divided` where that is given.
    """

    model: str
    metric: MetricName
    sizes: tuple[str, ...]
    formula: Written
    divided: Written | None
    strides: Mapping[str, Count]
    domain: tuple[str, ...]
    by: str
    parts: tuple[PartResult, ...]
    fitted: tuple[Mapping[str, Count], ...]
    held_out: tuple[Mapping[str, Count], ...]
    traces: Count
    how: str
    refused: str
    unknown_ops: Mapping[str, Count]
    at: Mapping[str, Count] | None
    value: Count | None
    wrt: str | None = field(default=None, metadata=given_with("wrt"))
    derivative: Written | None = field(default=None, metadata=given_with("wrt"))
    crossings: tuple[Overtaking, ...] | None = field(default=None, metadata=given_with("wrt"))
    training: bool = False
    convention: str = PAPER


def parts_of(formula: ModelFormula, by: Grouping) -> dict[str, Expression]:
    """The expression of each group of rows, in the order in which they run."""
    groups: dict[str, list[Expression]] = {}
    for row in formula.rows:
        groups.setdefault(group_of(row.row.path, row.row.kind, by), []).append(row.expression)
    return {name: total(expressions) for name, expressions in groups.items()}


def model_formula_result(
    formula: ModelFormula, by: Grouping, at: Mapping[str, int] | None, wrt: str | None = None
) -> ModelFormulaResult:
    """The result of `formula` for a model, with values at sizes if they are given.

    Raises InputError for sizes that the formula is not for.
    """
    expression = formula.expression
    strides = total_stride(expression)
    has_floors = any(stride > 1 for stride in strides.values())
    smooth = divided(expression, strides) if has_floors else expression
    parts = parts_of(formula, by)
    return ModelFormulaResult(
        model=formula.model,
        metric=formula.metric,
        sizes=tuple(formula.domain.ranges),
        formula=Written.of(expression),
        divided=Written.of(smooth) if has_floors else None,
        strides=strides,
        domain=tuple(formula.domain.texts),
        by=by,
        parts=tuple(
            PartResult(name, Written.of(part), None if at is None else part.value(at))
            for name, part in parts.items()
        ),
        fitted=formula.fitted,
        held_out=formula.held_out,
        traces=formula.traces,
        how=formula.how,
        refused=formula.refused,
        unknown_ops=formula.unknown_ops,
        at=at,
        value=None if at is None else formula.value(at),
        wrt=wrt,
        derivative=Written.of(derivative(smooth, wrt)) if wrt else None,
        crossings=tuple(overtakings(parts, formula.domain, wrt, at or formula.own))
        if wrt
        else None,
        training=formula.training,
        convention=formula.convention,
    )


def model_formula_grids(results: Sequence[ModelFormulaResult]) -> list[Grid]:
    """One table for each model, or for each side of its guards: its parts, and their sum."""
    tables = Counter(result.model for result in results)
    return [_grid(result, tables[result.model] > 1) for result in results]


def draw_along(formula: ModelFormula, by: Grouping, wrt: str, at: Mapping[str, int]) -> Figure:
    """The metric, and the share of each part, as one size grows to twice its value in `at`."""
    given = formula.domain.ranges[wrt]
    last = (min(given.most or 2 * at[wrt], 2 * at[wrt]) - given.least) // given.step
    values = [given.least + given.step * step for step in range(0, last + 1, 1 + last // POINTS)]
    return draw_at(formula, by, wrt, values, at)


def draw_at(
    formula: ModelFormula, by: Grouping, wrt: str, values: Sequence[int], at: Mapping[str, int]
) -> Figure:
    """The same at these values of the size, in the case that is for the sizes `at`."""
    from shufflenet_flops.report.plot.design import draw_shares

    case = formula.case(at)
    sizes = along(case.domain, wrt, at)
    kept = [value for value in values if sizes(value) in case.domain]
    prefix = "M" if formula.metric == MACS.name else "k"
    others = {name: size for name, size in at.items() if name != wrt}
    return draw_shares(
        kept,
        {
            name or "(model)": [part.value(sizes(value)) / PREFIXES[prefix] for value in kept]
            for name, part in parts_of(case, by).items()
        },
        title=f"{formula.model}{', ' if others else ''}{said_sizes(others)}",
        x_label=f"{MEANINGS.get(wrt, 'argument')} {wrt}",
        y_label=find_metric(formula.metric).axis(prefix),
    )


def _grid(result: ModelFormulaResult, is_case: bool) -> Grid:
    with_value = result.value is not None
    columns = [
        Column(result.by, figures=False, path=True),
        Column(f"{noun_of(result.metric, result.training)} =", figures=False),
        *([Column("with these\nsizes"), Column("share")] if with_value else []),
    ]
    rows: list[list[Cell | str]] = []
    for part in result.parts:
        row: list[Cell | str] = [part.name or "(model)", _cell(part.formula)]
        if part.value is not None and result.value is not None:
            row += [f"{part.value:,}", percent(part.value, result.value)]
        rows.append(row)
    last: list[Cell | str] = ["in all", _cell(result.formula)]
    if result.value is not None:
        last += [f"{result.value:,}", percent(result.value, result.value)]
    where = f" for {'; '.join(result.domain)}" if is_case else ""
    return grid(f"closed form of {result.model}{where}", columns, [*rows, last], _notes(result))


def _cell(formula: Written) -> Cell:
    return Cell(formula.text, latex=formula.latex)


def _notes(result: ModelFormulaResult) -> list[str]:
    noun = find_metric(result.metric).noun
    names = [f"{name}: {MEANINGS[name]}" for name in result.sizes if name in MEANINGS]
    notes = ["; ".join(names)] if names else []
    notes += convention_notes(result.convention)
    if result.divided:
        where = " and ".join(
            f"{stride} divides {name}" for name, stride in result.strides.items() if stride > 1
        )
        notes.append(f"where {where}: {noun} = {result.divided.text}")
    notes.append(f"for {'; '.join(result.domain)}")
    if result.how:
        notes.append(result.how)
    if "n ≥ 2" in result.domain:
        others = ",".join(name for name in result.sizes if name != "n")
        one = f", and --over {others} has its formula" if others else ""
        notes.append(f"a batch of one runs other ops{one}")
    if result.refused:
        notes.append(f"other sizes: {result.refused}")
    proof = (
        f"exact at {len(result.held_out)} sizes that it had not seen, up to "
        f"{said_sizes(_largest(result))}"
        if result.held_out
        else "these are all sizes that there are"
    )
    notes.append(f"found from {result.traces} traces; {proof}")
    if result.at is not None:
        notes.append(f"with {said_sizes(result.at)}: {result.value:,}, as traced")
    if result.unknown_ops:
        notes.append(f"not counted, as no rule is known: {', '.join(result.unknown_ops)}")
    if result.derivative:
        where = " where all strides divide" if result.divided else ""
        notes.append(f"d/d{result.wrt}{where}: {result.derivative.text}")
    notes += [
        f"{change.after} is more than {change.before} from {result.wrt} = {change.at:,} on"
        for change in result.crossings or ()
    ]
    if result.wrt and not result.crossings:
        notes.append(f"the same {result.by} stays the largest, whatever {result.wrt} is")
    return notes


def convention_notes(name: str) -> list[str]:
    """What a convention counts, where it is not the usual one."""
    return [] if name == PAPER else [f"`{name}`: {find_convention(name).meaning}"]


def _largest(result: ModelFormulaResult) -> dict[str, int]:
    return {name: max(sizes[name] for sizes in result.held_out) for name in result.sizes}


def said_sizes(sizes: Mapping[str, int]) -> str:
    """`h=224, n=1`."""
    return ", ".join(f"{name}={size:,}" for name, size in sizes.items())
