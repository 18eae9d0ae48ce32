"""What a page computes live of a model's closed form: its parts at sizes of the reader's choice."""

from __future__ import annotations

from math import lcm
from typing import Any

from shufflenet_flops.closed_form.domain import Range
from shufflenet_flops.closed_form.expression import Atom, Expression
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.counting import Grouping
from shufflenet_flops.counting.metric import find_metric
from shufflenet_flops.report.section import Explorer
from shufflenet_flops.report.view.model_formula import MEANINGS, parts_of

# What a slider goes up to where a size has no end: so many times the model's own.
_TIMES = 4


def sizes_explorer(formula: ModelFormula, by: Grouping) -> Explorer:
    """The explorer over the sizes that may be chosen; whole numbers are text, as large as they are.

    A case is a domain with the parts of the model on it, as sums of terms
    [coefficient, [[atom, power], …]] over a common denominator. An atom is a size by its name or
    [atom, times, plus, by], which is ⌊(times·atom + plus) / by⌋.
    """
    domain = formula.domain
    return Explorer(
        "sizes",
        {
            "model": formula.model,
            "unit": find_metric(formula.metric).unit or find_metric(formula.metric).noun,
            "by": by,
            "sizes": [_slider(formula, name) for name in domain.free],
            "start": {name: str(size) for name, size in formula.own.items()},
            "tied": list(domain.square or ()),
            "cases": [
                {
                    "rules": "; ".join(case.domain.texts),
                    "ranges": {name: _range(given) for name, given in case.domain.ranges.items()},
                    "parts": [
                        {"name": name or "(model)", **_sum(expression)}
                        for name, expression in parts_of(case, by).items()
                    ],
                }
                for case in formula.cases
            ],
        },
    )


def _slider(formula: ModelFormula, name: str) -> dict[str, str]:
    ranges = [case.domain.ranges[name] for case in formula.cases]
    given, own = formula.domain.ranges[name], formula.own[name]
    least = min(one.least for one in ranges)
    most = given.most or _TIMES * max(own, 4 if name == "n" else own)
    return {
        "name": name,
        "label": MEANINGS.get(name, "argument"),
        "least": str(least),
        "most": str(most),
        "step": str(given.step),
    }


def _range(given: Range) -> dict[str, Any]:
    return {
        "least": str(given.least),
        "step": str(given.step),
        "most": None if given.most is None else str(given.most),
        "without": [[str(one.step), str(one.rest)] for one in given.without],
    }


def _sum(expression: Expression) -> dict[str, Any]:
    over = lcm(*(factor.denominator for _, factor in expression.terms))
    terms = [
        [str(int(factor * over)), [[_atom(x), power] for x, power in monomial]]
        for monomial, factor in expression.terms
    ]
    return {"over": str(over), "terms": terms}


def _atom(x: Atom) -> Any:
    return x if isinstance(x, str) else [_atom(x.of), str(x.times), str(x.plus), str(x.by)]
