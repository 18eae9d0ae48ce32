"""`sf.fit`: the widest network under a budget."""

from __future__ import annotations

from dataclasses import dataclass

from shufflenet_flops.api.result import Result
from shufflenet_flops.counting.amount import figure, parse_amount
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.view.fit import FitResult, WidthResult, fit_grid, fit_result


@dataclass(frozen=True, repr=False)
class Fitted(Result):
    """The widest network of a family within its budgets, and the next wider, which is over."""

    result: FitResult

    @property
    def channels(self) -> int:
        """Channels of a network's last stage, or of a unit's input."""
        return self.result.channels

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the widest network."""
        return self.result.macs

    @property
    def params(self) -> int:
        """Parameters of the widest network."""
        return self.result.params

    @property
    def next_wider(self) -> WidthResult:
        """The next valid width, which breaks a budget."""
        return self.result.next_wider

    def document(self) -> Document:
        """What `fit` writes."""
        return Document("fit", "paper", [self.result], [fit_grid([self.result], [])])

    def __repr__(self) -> str:
        return (
            f"<Fitted {self.result.family}: {self.channels:,} channels, "
            f"{figure('macs', self.macs)}, {figure('params', self.params)} params>"
        )


def fit(
    family: str,
    *,
    macs: int | str | None = None,
    params: int | str | None = None,
    memory: int | str | None = None,
    multiple_of: int = 1,
    **numbers: int,
) -> Fitted:
    """Find the widest network of a family, or unit, within budgets.

    `family` is as on the command line: "shufflenet_v1@g=3". A budget is a number or text such as
    "140M"; `memory` is in bytes. `numbers` are other variables of the family, as g. Raises
    InputError where nothing fits, UnknownNameError, SpecError.

    >>> fit("shufflenet_v1", macs="140M", g=3).channels
    960
    """
    from shufflenet_flops.design.fit import fit as fit_design
    from shufflenet_flops.zoo.designs import check_used, find_design

    given = {"macs": macs, "params": params, "memory_bytes": memory}
    budgets = {
        name: int(parse_amount(name, amount))
        for name, amount in given.items()
        if amount is not None
    }
    if not budgets:
        raise InputError('what is the budget? give macs, params or memory, as in macs="140M"')
    design = find_design(family)
    check_used([design], numbers)
    return Fitted(fit_result(fit_design(design, numbers, budgets, multiple_of)))
