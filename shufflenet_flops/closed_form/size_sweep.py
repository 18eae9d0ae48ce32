"""A model at many sizes at once, counted by its formulas over integer arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from shufflenet_flops.closed_form.domain import Domain
from shufflenet_flops.closed_form.expression import Expression
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.design.sweep.axes import Axis
from shufflenet_flops.errors import InputError

MOST_SIZES = 1_000_000
# Beyond it, sums are worked out in Python's own integers, which have no limit.
_INT64_MAX = 2**63 - 1

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class SizeSweep:
    """Sizes and metrics as columns of one length; `left_out` sizes are not in the domain."""

    columns: Mapping[str, Sequence[int]]
    configurations: int
    left_out: int


def size_sweep(formulas: Sequence[ModelFormula], axes: Sequence[Axis]) -> SizeSweep:
    """Every metric at every combination of sizes for which all formulas hold.

    Raises InputError for more combinations than MOST_SIZES, and where none is left.
    """
    number = prod(map(len, axes))
    if number > MOST_SIZES:
        raise InputError(f"{number:,} sizes are too many: a sweep takes up to {MOST_SIZES:,}")
    grid = np.meshgrid(*(np.fromiter(axis, np.int64, len(axis)) for axis in axes), indexing="ij")
    sizes = {axis.name: values.ravel() for axis, values in zip(axes, grid, strict=True)}
    places = [[_inside(case.domain, sizes) for case in formula.cases] for formula in formulas]
    kept = np.logical_and.reduce([np.logical_or.reduce(inside) for inside in places])
    if not kept.any():
        rules = "; ".join(formulas[0].domain.texts)
        raise InputError(f"{formulas[0].model}: no size is one that its formula is for: {rules}")
    sizes = {name: values[kept] for name, values in sizes.items()}
    metrics = {
        formula.metric: _in_cases(formula, [one[kept] for one in inside], sizes)
        for formula, inside in zip(formulas, places, strict=True)
    }
    columns = {name: values.tolist() for name, values in (sizes | metrics).items()}
    return SizeSweep(columns, number, number - int(kept.sum()))


def _inside(domain: Domain, sizes: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.bool_]:
    """Which of the sizes are in the domain."""
    kept = np.ones(len(next(iter(sizes.values()))), bool)
    for name, given in domain.ranges.items():
        kept &= (sizes[name] >= given.least) & ((sizes[name] - given.least) % given.step == 0)
        if given.most is not None:
            kept &= sizes[name] <= given.most
        for residue in given.without:
            kept &= sizes[name] % residue.step != residue.rest
    if domain.square:
        first, second = domain.square
        kept &= sizes[first] == sizes[second]
    return kept


def _in_cases(
    formula: ModelFormula, places: Sequence[npt.NDArray[np.bool_]], sizes: Mapping[str, Array]
) -> Array:
    if not formula.others:
        return values_at(formula.expression, sizes)
    values = np.zeros(len(places[0]), object)
    for case, inside in zip(formula.cases, places, strict=True):
        if inside.any():
            chosen = {name: given[inside] for name, given in sizes.items()}
            values[inside] = values_at(case.expression, chosen)
    return values


def values_at(expression: Expression, sizes: Mapping[str, Array]) -> Array:
    """The exact values at arrays of sizes of one length."""
    most = {name: int(values.max()) for name, values in sizes.items()}
    # No floor is more than its size times its factors, so this bounds every step of the sum.
    absolute = Expression(tuple((monomial, abs(factor)) for monomial, factor in expression.terms))
    whole = prod(factor.denominator for _, factor in expression.terms)
    fits = int(absolute.value(most)) * whole * 2 <= _INT64_MAX
    used = {name: values if fits else values.astype(object) for name, values in sizes.items()}
    length = len(next(iter(sizes.values())))
    return np.broadcast_to(np.asarray(expression.value(used)), (length,))
