"""Many configurations of one design at once: the walk over integer arrays, never a wrong number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shufflenet_flops.counting.metric import TOTALS
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.sweep.interval import INT64_MAX, Bound, MayOverflowError
from shufflenet_flops.design.sweep.pareto import Array
from shufflenet_flops.errors import InputError, SpecError
from shufflenet_flops.zoo.designs import Design

# Configurations walked at a time: few enough for the arrays to stay in the processor's cache.
BLOCK = 16384


@dataclass(frozen=True)
class CountedArrays:
    """Those configurations that make a network.

    `kept` are their positions in what was asked for; `variables` hold every variable of the design
    and `metrics` its TOTALS, as int64 arrays of that length.
    """

    kept: npt.NDArray[np.intp]
    variables: Mapping[str, Array]
    metrics: Mapping[str, Array]


def count_many(design: Design, values: Mapping[str, int | Array]) -> CountedArrays:
    """TOTALS of `design` for arrays of values of one length; an int stands for all.

    Configurations that make no network are left out. Raises InputError for a metric that is more
    than an int64 holds, with its configuration.
    """
    size = max((len(value) for value in values.values() if not isinstance(value, int)), default=1)
    all_fit = _fits(design, values)
    kept, variables, metrics = [], [], []
    for start in range(0, size, BLOCK):
        block = {
            name: value if isinstance(value, int) else value[start : start + BLOCK]
            for name, value in values.items()
        }
        if not (all_fit or _fits(design, block)):
            # Python's own integers, which have no limit: slow, and only needed close to 2^63.
            block = {
                name: value if isinstance(value, int) else value.astype(object)
                for name, value in block.items()
            }
        counted = _count_block(design, block, np.arange(start, min(start + BLOCK, size)))
        kept.append(counted[0])
        variables.append(counted[1])
        metrics.append(counted[2])
    return CountedArrays(np.concatenate(kept), joined(variables), joined(metrics))


def joined(parts: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """The parts' columns end to end; the parts are emptied, so that no column is held twice."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}


def _count_block(
    design: Design, values: Mapping[str, int | Array], kept: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], dict[str, Array], dict[str, Array]]:
    """What CountedArrays has, of one block."""
    while len(kept):
        try:
            filled = design.fill(values)
            network = design.build(**filled)
            sums = totals(network.spec, network.input)
        except SpecError as error:
            if error.invalid is None:  # a rule that no array takes part in
                break
            valid = ~error.invalid
            kept = kept[valid]
            values = {
                name: value if isinstance(value, int) else value[valid]
                for name, value in values.items()
            }
        else:
            size = len(kept)
            variables = {name: _int64(name, filled[name], size, filled) for name in filled}
            metrics = {name: _int64(name, sums[name], size, filled) for name in TOTALS}
            return kept, variables, metrics
    nothing = np.empty(0, np.int64)
    return kept[:0], dict.fromkeys(design.variables, nothing), dict.fromkeys(TOTALS, nothing)


def _fits(design: Design, values: Mapping[str, int | Array]) -> bool:
    """Whether no number that the walk meets can leave int64 (see `bound`)."""
    bounds = {
        name: value if isinstance(value, int) else Bound(int(value.min()), int(value.max()))
        for name, value in values.items()
    }
    try:
        filled = design.fill(bounds)
        network = design.build(**filled)
        sums = totals(network.spec, network.input)
    except MayOverflowError:
        return False
    except SpecError:
        return True  # a rule that no array takes part in: nothing will be counted
    return all(_high(value) <= INT64_MAX for value in (*filled.values(), *sums.values()))


def _high(value: Bound | int) -> int:
    return value.high if isinstance(value, Bound) else value


def _int64(name: str, amount: int | Array, size: int, values: Mapping[str, int | Array]) -> Array:
    full = np.broadcast_to(np.asarray(amount), (size,))
    if full.dtype == object:
        too_large = np.flatnonzero(full > INT64_MAX)
        if len(too_large):
            i = too_large[0]
            where = ", ".join(
                f"{key}={value if isinstance(value, int) else value[i]}"
                for key, value in values.items()
            )
            raise InputError(
                f"{name} of {where} is {full[i]:,}, more than the largest int64, "
                f"{INT64_MAX:,}: sweep smaller networks, or `count` this one"
            )
    return full.astype(np.int64)
