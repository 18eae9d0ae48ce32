"""`formula MODEL --over h,w,n`: the closed form of a model of any source over its sizes.

`--against MODEL` divides it by another's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from shufflenet_flops.cli.output import Document
from shufflenet_flops.counting import Grouping
from shufflenet_flops.counting.measure import PAPER
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Options

if TYPE_CHECKING:
    from shufflenet_flops.closed_form.model_formula import ModelFormula
    from shufflenet_flops.closed_form.sized import SizedModel


@dataclass(frozen=True)
class Asked:
    """What is asked of the models' formulas, of a training step if so; `numbers` are sizes."""

    metric: MetricName
    over: str | None
    by: Grouping
    numbers: Mapping[str, int]
    at: str | None
    wrt: str | None
    training: bool
    convention: str

    @property
    def under(self) -> str | None:
        """The convention that a document names, where it is not the usual one."""
        return (
            "training" if self.training else None if self.convention == PAPER else self.convention
        )


def model_formulas(
    models: Sequence[str], asked: Asked, options: Options, figure_type: str | None
) -> tuple[Document, bytes]:
    """The formulas of all models, and the figure of the last. Raises a ShufflenetFlopsError."""
    from shufflenet_flops.closed_form.derive import check
    from shufflenet_flops.closed_form.over import parse_at
    from shufflenet_flops.report.view.model_formula import (
        draw_along,
        model_formula_grids,
        model_formula_result,
    )
    from shufflenet_flops.report.view.sizes_explorer import sizes_explorer

    numbers = {**asked.numbers, **(parse_at(asked.at) if asked.at is not None else {})}
    results, figure = [], b""
    for model in models:
        chosen, formula = _derived(model, asked, options)
        at = formula.filled(numbers) if numbers else None
        if at is not None:
            check(chosen, formula, at)
        for case in [formula.case(at)] if at is not None else formula.cases:
            if asked.wrt is not None and asked.wrt not in case.domain.free:
                free = ", ".join(case.domain.free)
                raise InputError(f"--wrt {asked.wrt}: the formula of {model} has {free}")
            results.append(model_formula_result(case, asked.by, at, asked.wrt))
        if figure_type and asked.wrt:
            from shufflenet_flops.report.plot.figure import image

            case = formula.case(at or formula.own)
            drawn = draw_along(case, asked.by, asked.wrt, at or formula.own)
            figure = image(drawn, figure_type)
    live = partial(sizes_explorer, formula, asked.by) if len(models) == 1 else None
    grids = model_formula_grids(results)
    return Document("formula", asked.under, results, grids, explorer=live), figure


def model_ratios(models: Sequence[str], against: str, asked: Asked, options: Options) -> Document:
    """Each model's formula divided by that of `against`. Raises a ShufflenetFlopsError."""
    from shufflenet_flops.closed_form.derive import check
    from shufflenet_flops.closed_form.model_ratio import model_ratio
    from shufflenet_flops.closed_form.over import parse_at
    from shufflenet_flops.report.view.model_ratio import model_ratio_grid, model_ratio_result

    numbers = {**asked.numbers, **(parse_at(asked.at) if asked.at is not None else {})}
    results = []
    for name in models:
        model, over = _derived(name, asked, options)
        sizes = replace(asked, over=asked.over or ",".join(over.domain.ranges))
        other, under = _derived(against, sizes, options)
        at = over.filled(numbers)
        if numbers:
            check(model, over, at)
            check(other, under, at)
        ratio = model_ratio(over, under, at)
        if asked.wrt is not None and asked.wrt not in ratio.domain.free:
            free = ", ".join(ratio.domain.free)
            raise InputError(f"--wrt {asked.wrt}: the ratio of {name} to {against} has {free}")
        results.append(model_ratio_result(ratio, asked.wrt))
    return Document("formula", asked.under, results, [model_ratio_grid(results)])


def _derived(model: str, asked: Asked, options: Options) -> tuple[SizedModel, ModelFormula]:
    from shufflenet_flops.closed_form.derive import derive
    from shufflenet_flops.closed_form.over import parse_over, ranges
    from shufflenet_flops.closed_form.sized import sized

    chosen = replace(sized(model, options), training=asked.training)
    if asked.over is not None:
        over = ranges(parse_over("over", asked.over))
    else:
        over = dict.fromkeys(chosen.sizes)
    return chosen, derive(chosen, over, asked.metric, asked.convention)
