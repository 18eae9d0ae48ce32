"""`sf.fit`: the widest network under a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shufflenet_flops.api.result import Result
from shufflenet_flops.counting.amount import figure, parse_amount
from shufflenet_flops.errors import InputError
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.view.fit import FitResult, WidthResult, fit_grid, fit_result


@dataclass(frozen=True, repr=False)
class Fitted(Result):
    """The widest, or largest, network of a family within its budgets, and the next, over them."""

    result: FitResult

    @property
    def channels(self) -> int:
        """Channels of a network's last stage, or of a unit's input."""
        return self.result.channels

    @property
    def scales(self) -> Mapping[str, int | float]:
        """What the family is scaled by, where a scale was enlarged: `{"phi": 0.5, …}`."""
        return self.result.scales

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
        scales = ", ".join(f"{name}={value}" for name, value in self.scales.items())
        return (
            f"<Fitted {self.result.family}: {scales or f'{self.channels:,} channels'}, "
            f"{figure('macs', self.macs)}, {figure('params', self.params)} params>"
        )


def fit(
    family: str,
    *,
    macs: int | str | None = None,
    params: int | str | None = None,
    memory: int | str | None = None,
    multiple_of: int = 1,
    over: str | None = None,
    **numbers: int | float,
) -> Fitted:
    """Find the widest network of a family, or unit, within budgets.

    `family` is as on the command line: "shufflenet_v1@g=3". A budget is a number or text such as
    "140M"; `memory` is in bytes. `over` is a scale to enlarge in place of the channels: "width",
    "depth", "resolution", or "phi", which EfficientNet is scaled by unless it says otherwise.
    `numbers` are other variables of the family, as g, or other scales. Raises InputError where
    nothing fits, UnknownNameError, SpecError.

    >>> fit("shufflenet_v1", macs="140M", g=3).channels
    960
    >>> fit("mobilenet_v2", macs="300M", over="width").scales["width"]
    0.99
    """
    from shufflenet_flops.design.fit import fit as fit_design
    from shufflenet_flops.design.scale_fit import scale_fit, scale_to_enlarge
    from shufflenet_flops.zoo.designs import check_used, find_design

    given = {"macs": macs, "params": params, "memory_bytes": memory}
    budgets = {
        name: int(parse_amount(name, amount))
        for name, amount in given.items()
        if amount is not None
    }
    if not budgets:
        raise InputError('what is the budget? give macs, params or memory, as in macs="140M"')
    scale = scale_to_enlarge([family], over, numbers)
    if scale is not None:
        return Fitted(fit_result(scale_fit(family, scale, numbers, budgets, multiple_of)))
    if over is not None:
        raise InputError(f"over={over!r}: {family} has no such scale")
    design = find_design(family)
    check_used([design], numbers)
    for name, value in numbers.items():
        if type(value) is not int:
            raise InputError(f"{name}={value!r}: give a whole number")
    widths = {name: int(value) for name, value in numbers.items()}
    return Fitted(fit_result(fit_design(design, widths, budgets, multiple_of)))
