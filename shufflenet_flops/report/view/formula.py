"""Closed forms: their table, their terms with shares, and what they say about one variable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shufflenet_flops.counting import Grouping
from shufflenet_flops.counting.closed_forms import grouped
from shufflenet_flops.counting.metric import MetricName, find_metric
from shufflenet_flops.counting.training import TRAINING_CONVENTIONS
from shufflenet_flops.design.derivative import Crossing
from shufflenet_flops.design.formula import Formula, FormulaValue
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent
from shufflenet_flops.report.view.stage_forms import (
    StageFormResult,
    stages_grid,
)
from shufflenet_flops.saved import given_with

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class DerivedForm:
    """A formula with what was asked about it; `derivative` are its terms by the variable `wrt`."""

    formula: Formula
    value: FormulaValue | None = None
    wrt: str | None = None
    derivative: Sequence[sympy.Expr] = ()
    changes: tuple[Crossing, ...] = ()


@dataclass(frozen=True)
class TermResult:
    """The part of a closed form that one kind of layer, or another group of them, has."""

    kind: str
    expression: str
    latex: str


@dataclass(frozen=True)
class ChangeResult:
    """Where the largest term is another one from then on; `at` is text that sympy parses."""

    at: str
    before: str
    after: str


@dataclass(frozen=True)
class FormulaResult:
    """A closed form as text that sympy parses, with its value where numbers are given.

    `unit` or `model` is what it is of, `variables` what it depends on. `derivative` and `changes`
    are by the variable `wrt`. A network's `stages` are its terms by stage in letters of each
    stage's own.
    """

    unit: str | None = field(metadata=given_with("unit"))
    model: str | None = field(metadata=given_with("model"))
    metric: MetricName
    expression: str
    latex: str
    variables: tuple[str, ...]
    paper: str | None
    source: str | None
    matches_paper: bool | None
    terms: tuple[TermResult, ...]
    numbers: Mapping[str, int] | None
    value: int | None
    parts: Mapping[str, int] | None
    wrt: str | None = field(metadata=given_with("wrt"))
    derivative: str | None = field(metadata=given_with("wrt"))
    derivative_latex: str | None = field(metadata=given_with("wrt"))
    changes: tuple[ChangeResult, ...] | None = field(metadata=given_with("wrt"))
    by: Grouping = "kind"
    training: bool = False
    stages: tuple[StageFormResult, ...] | None = field(default=None, metadata=given_with("model"))

    @property
    def name(self) -> str:
        """That of the unit or the network."""
        return str(self.unit or self.model)


def formula_result(derived: DerivedForm) -> FormulaResult:
    """The result of `formula` for one unit or network."""
    import sympy

    formula, value = derived.formula, derived.value
    paper = formula.paper
    return FormulaResult(
        unit=formula.design.unit,
        model=None if formula.design.unit else formula.design.name,
        metric=formula.metric,
        by=formula.by,
        training=formula.training,
        expression=formula.text,
        latex=formula.latex,
        variables=variables_of(formula.expression),
        paper=paper.text if paper else None,
        source=paper.source if paper else None,
        matches_paper=formula.matches_paper,
        terms=tuple(
            TermResult(kind, grouped([term], str), grouped([term], sympy.latex))
            for kind, term in formula.terms.items()
        ),
        numbers=dict(value.numbers) if value else None,
        value=value.total if value else None,
        parts=dict(value.parts) if value else None,
        wrt=derived.wrt,
        derivative=grouped(derived.derivative, str) if derived.wrt else None,
        derivative_latex=grouped(derived.derivative, sympy.latex) if derived.wrt else None,
        changes=tuple(
            ChangeResult(str(change.at), change.before, change.after) for change in derived.changes
        )
        if derived.wrt
        else None,
        stages=tuple(map(StageFormResult.of, formula.stages)) if formula.stages else None,
    )


def variables_of(expression: sympy.Expr) -> tuple[str, ...]:
    """The names of its symbols, by the alphabet."""
    return tuple(sorted(map(str, expression.free_symbols)))


def formula_grids(results: Sequence[FormulaResult]) -> list[Grid]:
    """One table of all formulas, then each one's terms."""
    with_value = any(result.value is not None for result in results)
    columns = [
        Column("unit or network", figures=False),
        Column(f"{noun_of(results[0].metric, results[0].training)} =", figures=False),
        *([Column("with these\nnumbers")] if with_value else []),
        Column("in the paper", figures=False),
        Column("equal", figures=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            result.name,
            Cell(result.expression, latex=result.latex),
            *(["–" if result.value is None else f"{result.value:,}"] if with_value else []),
            in_paper(result.paper, result.source),
            EQUAL[result.matches_paper],
        ]
        for result in results
    ]
    free = (name for result in results for name in result.variables)
    notes = legend(free, networks=any(result.unit is None for result in results))
    if results[0].training:
        notes += _training_notes(results)
    return [grid("closed forms", columns, rows, notes), *map(_details, results)]


def noun_of(metric: MetricName, training: bool) -> str:
    """What a formula is of, in the plural."""
    noun = find_metric(metric).noun
    return f"{noun} of a training step" if training else noun


def _training_notes(results: Sequence[FormulaResult]) -> list[str]:
    notes = [f"`training`: {TRAINING_CONVENTIONS['training']}; the input needs no gradient"]
    if any(result.unit for result in results):
        notes.append(
            "the input of a unit within a network needs one, so that it takes three times the MACs "
            "of its forward pass"
        )
    return notes


def in_paper(text: str | None, source: str | None) -> str:
    """The form that a paper prints and where, or a dash."""
    return f"{text} ({source})" if text else "–"


EQUAL: Mapping[bool | None, str] = {True: "yes", False: "NO", None: "–"}


def legend(free: Iterable[str], *, networks: bool) -> list[str]:
    """What the variables of closed forms mean."""
    names = set(free)
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
    return ["; ".join(text for name, text in meaning.items() if name in names)] if names else []


def _details(result: FormulaResult) -> Grid:
    # A derivative is by a letter of the network, and not by one of each stage's own.
    return _stages(result) if result.stages and not result.wrt else _terms(result)


def _stages(result: FormulaResult) -> Grid:
    stages, parts = result.stages or (), result.parts or {}
    return stages_grid(
        f"closed form of {result.name}, stage by stage",
        f"{noun_of(result.metric, result.training)} =",
        stages,
        Cell(result.expression, latex=result.latex),
        [parts.get(stage.name, 0) for stage in stages] if result.value is not None else None,
        _notes(result),
    )


def _terms(result: FormulaResult) -> Grid:
    parts = result.parts or {}
    with_value = result.value is not None
    columns = [
        Column("kind of layer" if result.by == "kind" else result.by, figures=False),
        Column("term", figures=False),
        *(
            [Column(find_metric(result.metric).meaning.split()[0]), Column("share")]
            if with_value
            else []
        ),
    ]
    terms = {term.kind: Cell(term.expression, latex=term.latex) for term in result.terms}
    rows: list[list[Cell | str]] = []
    for kind in dict.fromkeys([*terms, *parts]):
        row: list[Cell | str] = [kind, terms.get(kind, "–")]
        if result.value is not None:
            row += [f"{parts.get(kind, 0):,}", percent(parts.get(kind, 0), result.value)]
        rows.append(row)
    if result.wrt:
        by = Cell(result.derivative or "", latex=result.derivative_latex or "")
        rows.append([f"d/d{result.wrt}", by, *(["–", "–"] if with_value else [])])
    return grid(f"terms of {result.name}", columns, rows, _notes(result))


def _notes(result: FormulaResult) -> list[str]:
    notes = []
    if result.numbers is not None:
        numbers = ", ".join(f"{name}={number}" for name, number in result.numbers.items())
        notes.append(f"with {numbers}: {result.value:,}, walked over these numbers")
    if result.wrt:
        changes = result.changes or ()
        notes += [
            f"{change.after} takes over from {change.before} as the largest term where "
            f"{result.wrt} passes {_number(change.at)}"
            for change in changes
        ]
        if not changes:
            notes.append(
                "the same term stays the largest"
                if result.value is not None or len(result.terms) == 1
                else "give numbers for the value where another term becomes the largest"
            )
    return notes


def _number(at: str) -> str:
    import sympy

    value = sympy.sympify(at)
    return at if value.is_Integer or value.free_symbols else f"{float(value):.4g}"
