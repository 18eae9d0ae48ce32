"""The closed form of a model, and for which sizes it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shufflenet_flops.closed_form.domain import Domain
from shufflenet_flops.closed_form.expression import Expression, total
from shufflenet_flops.closed_form.sized import Sizes
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.measure import PAPER, Measure
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.errors import InputError


@dataclass(frozen=True)
class FormulaRow:
    """A row of the model, as it is at its own sizes, and its metric as a function of the sizes."""

    row: Row
    expression: Expression


@dataclass(frozen=True)
class ModelFormula:
    """One metric of a model as an exact function of its sizes, on `domain`.

    It was found at the sizes `fitted`, and holds at `held_out`, which it had not seen. `own` are
    the model's own sizes. `how` tells how it comes to other sizes, where it is more than given
    other inputs; `refused` why sizes outside of the domain are not in it, `unknown_ops` which ops
    are not counted. `others` are its formulas on the other sides of guards, where it does other
    things at other sizes. With `training` it is of a training step; a `convention` other than
    `paper` says what is counted.
    """

    model: str
    metric: MetricName
    domain: Domain
    rows: tuple[FormulaRow, ...]
    fitted: tuple[Sizes, ...]
    held_out: tuple[Sizes, ...]
    traces: int
    own: Sizes
    how: str = ""
    refused: str = ""
    unknown_ops: Mapping[str, int] = field(default_factory=dict)
    training: bool = False
    others: tuple[ModelFormula, ...] = ()
    convention: str = PAPER

    @property
    def measure(self) -> Measure:
        """What it is of, for rows."""
        return Measure(self.metric, self.convention)

    @property
    def expression(self) -> Expression:
        """The sum over all rows."""
        return total(row.expression for row in self.rows)

    def filled(self, numbers: Sizes) -> dict[str, int]:
        """The sizes with these numbers, the model's own for the rest. Raises InputError."""
        unknown = [name for name in numbers if name not in self.domain.ranges]
        if unknown:
            raise InputError(
                f"{unknown[0]}={numbers[unknown[0]]}: the formula of {self.model} is over "
                f"{', '.join(self.domain.ranges)}"
            )
        return {**self.own, **numbers}

    def value(self, sizes: Sizes) -> int:
        """The metric at sizes of the domain. Raises InputError for others."""
        return int(self.case(sizes).expression.value(sizes))

    @property
    def cases(self) -> tuple[ModelFormula, ...]:
        """The formula itself, and its others."""
        return (self, *self.others)

    def case(self, sizes: Sizes) -> ModelFormula:
        """The formula, of all cases, that is for these sizes. Raises InputError where none is."""
        for case in self.cases:
            if sizes in case.domain:
                return case
        given = ", ".join(f"{name}={size}" for name, size in sizes.items())
        missed = " or ".join(str(case.domain.missed(sizes)) for case in self.cases)
        why = f"; {self.refused}" if self.refused else ""
        raise InputError(f"{given}: the formula of {self.model} is for {missed}{why}")
