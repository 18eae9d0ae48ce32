"""`fit efficientnet --macs 400M`, `fit mobilenet_v2 --over width …`: the largest scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from shufflenet_flops.cli.output import Document
from shufflenet_flops.errors import InputError, SpecError

if TYPE_CHECKING:
    from shufflenet_flops.design.sweep.axes import Axis

MOST_FITS = 200  # each counts some dozens of networks


def largest_scales(
    names: Sequence[str],
    over: str,
    axes: Mapping[str, Axis],
    budgets: Mapping[str, int],
    multiple_of: int,
) -> Document:
    """The largest scale of each network at each combination of the others that are given."""
    from shufflenet_flops.design.scale_fit import scale_fit
    from shufflenet_flops.report.view.fit import fit_grid, fit_result
    from shufflenet_flops.zoo.scales import CALLED

    for name in axes:
        if name not in CALLED or name == over:
            raise InputError(f"--{name}: not with --over {over}, which looks for a scale")
    number = len(names) * prod(len(axis) for axis in axes.values())
    if number > MOST_FITS:
        raise InputError(f"{number:,} combinations are too many: fit takes up to {MOST_FITS}")
    results, failures = [], []
    for name, values in product(dict.fromkeys(names), product(*axes.values())):
        given = dict(zip(axes, values, strict=True))
        try:
            results.append(fit_result(scale_fit(name, over, given, budgets, multiple_of)))
        except (InputError, SpecError) as error:
            failures.append(str(error))
    if not results:
        raise InputError(failures[0])
    return Document("fit", "paper", results, [fit_grid(results, failures)], notes=failures)
