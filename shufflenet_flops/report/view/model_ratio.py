"""Closed forms of models divided by one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shufflenet_flops.closed_form.expression import Expression
from shufflenet_flops.closed_form.model_ratio import ModelRatio
from shufflenet_flops.closed_form.questions import Overtaking, overtakings
from shufflenet_flops.closed_form.writing import LATEX, PEOPLE, SYMPY, Style, written
from shufflenet_flops.counting.measure import PAPER
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.report.grid import Cell, Column, Grid, grid
from shufflenet_flops.report.view.formula import noun_of
from shufflenet_flops.report.view.model_formula import (
    MEANINGS,
    Written,
    convention_notes,
    said_sizes,
)
from shufflenet_flops.saved import Count, given_with


@dataclass(frozen=True)
class ModelRatioResult:
    """`model` divided by `against`: a quotient where sizes are multiples of `strides`.

    `value` is at the sizes `at`, with the floors of the two `formulas`. `crossings` are along the
    size `wrt`: where the one takes more than the other from then on.
    """

    model: str
    against: str
    metric: MetricName
    sizes: tuple[str, ...]
    domain: tuple[str, ...]
    ratio: Written
    strides: Mapping[str, Count]
    formulas: tuple[Written, Written]
    at: Mapping[str, Count]
    values: tuple[Count, Count]
    value: float
    wrt: str | None = field(default=None, metadata=given_with("wrt"))
    crossings: tuple[Overtaking, ...] | None = field(default=None, metadata=given_with("wrt"))
    training: bool = False
    convention: str = PAPER


def model_ratio_result(ratio: ModelRatio, wrt: str | None) -> ModelRatioResult:
    """The result of `formula --against` for one model."""
    over, under = ratio.over, ratio.under
    parts = {"over": over.expression, "under": under.expression}
    names = {"over": over.model, "under": under.model}
    changes = overtakings(parts, ratio.domain, wrt, ratio.at) if wrt else []
    return ModelRatioResult(
        model=over.model,
        against=under.model,
        metric=over.metric,
        sizes=tuple(over.domain.ranges),
        domain=tuple(ratio.domain.texts),
        ratio=Written(*(_quotient(ratio.numerator, ratio.denominator, style) for style in _STYLES)),
        strides=ratio.strides,
        formulas=(Written.of(over.expression), Written.of(under.expression)),
        at=ratio.at,
        values=(over.value(ratio.at), under.value(ratio.at)),
        value=float(ratio.value),
        wrt=wrt,
        crossings=tuple(
            Overtaking(change.at, names[change.before], names[change.after]) for change in changes
        )
        if wrt
        else None,
        training=over.training,
        convention=over.convention,
    )


_STYLES = (PEOPLE, SYMPY, LATEX)


def _quotient(over: Expression, under: Expression, style: Style) -> str:
    if style is LATEX:
        return style.fraction.format(written(over, style), written(under, style))
    texts = [written(part, style) for part in (over, under)]
    above, below = (f"({text})" if " " in text or style.times in text else text for text in texts)
    return texts[0] if texts[1] == "1" else f"{above if ' ' in texts[0] else texts[0]}/{below}"


def model_ratio_grid(results: Sequence[ModelRatioResult]) -> Grid:
    """A line for each ratio, with its value, and what each side comes to."""
    first = results[0]
    columns = [
        Column("ratio", figures=False),
        Column(
            f"of {noun_of(first.metric, first.training)} where all strides divide", figures=False
        ),
        Column("value"),
    ]
    rows: list[list[Cell | str]] = [
        [
            f"{result.model} / {result.against}",
            Cell(result.ratio.text, latex=result.ratio.latex),
            f"{result.value:.4f}",
        ]
        for result in results
    ]
    names = [f"{name}: {MEANINGS[name]}" for name in first.sizes if name in MEANINGS]
    notes = ["; ".join(names)] if names else []
    notes += convention_notes(first.convention)
    for result in results:
        notes += _notes(result)
    return grid("ratios of closed forms", columns, rows, notes)


def _notes(result: ModelRatioResult) -> list[str]:
    over, under = result.values
    notes = [
        f"{result.model} = {result.formulas[0].text}",
        f"{result.against} = {result.formulas[1].text}",
        f"for {'; '.join(result.domain)}",
        f"with {said_sizes(result.at)}: {over:,} / {under:,}",
    ]
    notes += [
        f"{change.after} takes more than {change.before} from {result.wrt} = {change.at:,} on"
        for change in result.crossings or ()
    ]
    if result.wrt and not result.crossings:
        notes.append(f"the same one takes more, whatever {result.wrt} is")
    return notes
