"""The closed form of a design: the walk over symbols, set beside the papers' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting import Grouping, Table, layer_table
from shufflenet_flops.counting.backward import step_of
from shufflenet_flops.counting.closed_forms import (
    PAPER_FORMS,
    PAPER_RATIOS,
    PaperForm,
    grouped,
    shortest,
    symbol,
    terms_of,
)
from shufflenet_flops.counting.metric import MetricName, find_metric
from shufflenet_flops.design.stage_letters import capitals, scale
from shufflenet_flops.design.stages import StageForm, stage_forms
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design
from shufflenet_flops.zoo.registry import Network

if TYPE_CHECKING:
    import sympy

# Input sizes that every network's strides divide, so that no size is rounded on the way.
SIZE_STEP = 32


@dataclass(frozen=True)
class Formula:
    """One metric of a design as a sum of terms, one for each group of layers, and `by_kind`.

    `variables` are what the design was built with: symbols, and numbers that had to be put in.
    `paper` is the form a paper prints, if one does; `matches_paper` whether they are equal. With
    `training` it is of a training step, for which no paper prints one. A network's `stages` are its
    terms by stage, in letters of each stage's own.
    """

    design: Design
    metric: MetricName
    terms: Mapping[str, sympy.Expr]
    by_kind: tuple[sympy.Expr, ...]
    variables: Mapping[str, Any]
    paper: PaperForm | None
    by: Grouping = "kind"
    training: bool = False
    stages: tuple[StageForm, ...] = ()

    @property
    def expression(self) -> sympy.Expr:
        """The sum of the terms."""
        return sum(self.terms.values())

    @property
    def text(self) -> str:
        """The expression with the map size pulled out; sympy parses it."""
        return grouped(self.by_kind, str)

    @property
    def latex(self) -> str:
        """The same in LaTeX."""
        import sympy

        return grouped(self.by_kind, sympy.latex)

    @property
    def matches_paper(self) -> bool | None:
        """Whether the walk gives what the paper prints; None where no paper gives a form."""
        return None if self.paper is None else _equal(self.expression, self.paper, self.variables)


def _equal(expression: sympy.Expr, paper: PaperForm, variables: Mapping[str, Any]) -> bool:
    import sympy

    return bool(sympy.cancel(expression - paper.value(variables)) == 0)


def _table(network: Network, training: bool) -> Table:
    """The rows of a forward pass, or of a training step."""
    if training:
        return step_of(network.spec, network.input).table
    return layer_table(network.spec, network.input)


def derive(
    design: Design,
    metric: MetricName,
    numbers: Mapping[str, int],
    by: Grouping = "kind",
    *,
    training: bool = False,
) -> Formula:
    """Walk `design` over symbols: a forward pass, or a training step.

    Of `numbers` only those are put in that change the structure: the stride, one group (which
    shuffles nothing), and a network's g where its published widths go by it. A network's width is
    s times the published one, and so is conv1's where it is scaled and no number is given for it.
    A shuffled group is taken to have more than one channel: one alone is not moved.
    """
    import sympy

    built = _symbols(design, numbers)
    u, v = symbol("u"), symbol("v")
    network = design.build(**{**built, "h": SIZE_STEP * u, "w": SIZE_STEP * v})
    table = _table(network, training)
    sizes = {u: symbol("h") / SIZE_STEP, v: symbol("w") / SIZE_STEP}
    terms, by_kind = (
        {
            name: sympy.sympify(part).subs(sizes)
            for name, part in terms_of(table, metric, grouping).items()
        }
        for grouping in (by, "kind")
    )
    paper = None
    if design.unit and built.get("stride", 1) == 1 and not training:
        paper = PAPER_FORMS.get((design.unit, metric))
    stages: tuple[StageForm, ...] = ()
    if by == "stage" and design.unit is None:
        built_of = {
            **built,
            "c": built["c"].subs(capitals()),
            "h": SIZE_STEP * u,
            "w": SIZE_STEP * v,
        }
        walked = _table(design.build(**built_of), training)
        in_network = {x: of.subs(capitals()) for x, of in sizes.items()}
        stages = tuple(stage_forms(walked, find_metric(metric), in_network))
    kinds = tuple(by_kind.values())
    return Formula(design, metric, terms, kinds, built, paper, by, training, stages)


def _symbols(design: Design, numbers: Mapping[str, int]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for name in design.variables:
        if name == "stride" or (name == "g" and numbers.get("g") == 1):
            built[name] = numbers.get(name, design.variables[name])
        else:
            built[name] = symbol(name)
    if design.unit is None:
        published = _published(design, numbers)
        built["c"] = scale() * published["c"]
        if callable(design.variables.get("stem")) and "stem" not in numbers:
            built["stem"] = scale() * published["stem"]
    return built


def _published(design: Design, numbers: Mapping[str, int]) -> dict[str, Any]:
    """What a network's widths are multiples of; c is a symbol where it goes by a g not given."""
    groups = {name: value for name, value in {**design.given, **numbers}.items() if name == "g"}
    is_open = callable(design.variables["c"]) and "g" in design.variables and not groups
    try:
        filled = design.fill(groups)
    except SpecError:  # no paper has a width for these groups
        filled, is_open = design.fill({}), True
    return filled | ({"c": symbol("c")} if is_open else {})


@dataclass(frozen=True)
class FormulaRatio:
    """One unit's form divided by another's, with the paper's form of that ratio.

    `value` is the ratio of the two with numbers filled in, where numbers are given.
    """

    over: Design
    under: Design
    metric: MetricName
    expression: sympy.Expr
    paper: PaperForm | None
    matches_paper: bool | None
    value: Fraction | None


def ratio(over: Formula, under: Formula, numbers: Mapping[str, int]) -> FormulaRatio:
    """One unit's form divided by another's. Raises InputError for networks."""
    import sympy

    if over.design.unit is None or under.design.unit is None:
        raise InputError("--over sets one unit against another, not networks")
    quotient = shortest(sympy.cancel(over.expression / under.expression))
    paper = PAPER_RATIOS.get((over.design.unit, under.design.unit, over.metric))
    variables = {**under.variables, **over.variables}
    value = None
    if numbers:
        # Both at the same sizes, also where their published ones differ.
        sizes = {**numbers, **over.design.fill(over.design.known(numbers))}
        a, b = (
            evaluate(formula.design, over.metric, formula.design.known(sizes)).total
            for formula in (over, under)
        )
        value = Fraction(a, b)
    return FormulaRatio(
        over.design,
        under.design,
        over.metric,
        quotient,
        paper,
        None if paper is None else _equal(quotient, paper, variables),
        value,
    )


@dataclass(frozen=True)
class FormulaValue:
    """A formula with numbers filled in: the walk over ints, in all and by groups of layers."""

    numbers: Mapping[str, int]
    total: int
    parts: Mapping[str, int]


def evaluate(
    design: Design,
    metric: MetricName,
    numbers: Mapping[str, int],
    by: Grouping = "kind",
    *,
    training: bool = False,
) -> FormulaValue:
    """The metric of the design with these numbers, published ones for the rest."""
    filled = design.fill(numbers)
    network = design.build(**filled)
    table = _table(network, training)
    return FormulaValue(filled, find_metric(metric).of(table.rows), terms_of(table, metric, by))


def series(
    design: Design,
    metric: MetricName,
    numbers: Mapping[str, int],
    name: str,
    *,
    training: bool = False,
) -> list[tuple[int, FormulaValue]]:
    """The metric at up to 40 valid values of one variable, up to twice its given one.

    The width stays as it is unless it is what varies, as c or as s; g goes to 8 at least, as in
    the paper.
    """
    filled = design.fill(numbers)
    if name == "s" and design.unit is None:
        name = "c"
    if name not in filled:
        raise InputError(f"--wrt {name}: {design.name} has {', '.join(filled)}")
    step = design.step(numbers) if name == "c" else 1
    last = max(2 * filled[name], 8 if name == "g" else 0)
    step *= max(1, last // (40 * step))
    points = []
    for value in range(step, last + 1, step):
        try:
            given = {**numbers, "c": filled["c"], name: value}
            points.append((value, evaluate(design, metric, given, training=training)))
        except SpecError:
            continue
    return points
