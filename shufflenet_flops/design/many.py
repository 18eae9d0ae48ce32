"""Many configurations of one design at once: the walk over integer arrays, never a wrong number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from shufflenet_flops.count.totals import METRICS, totals
from shufflenet_flops.design.bound import INT64_MAX, Bound, MayOverflowError
from shufflenet_flops.design.catalogue import Design
from shufflenet_flops.errors import InputError, SpecError

Array: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = dict[str, int | Array | None]

# Configurations walked at a time: few enough for the arrays to stay in the processor's cache.
BLOCK = 16384


@dataclass(frozen=True)
class Counted:
    """The metrics of those configurations that make a network.

    `kept` are their positions in what was asked for; each metric is an int64 array of that length.
    """

    kept: npt.NDArray[np.intp]
    metrics: Mapping[str, Array]


def count_many(design: Design, values: Mapping[str, int | Array]) -> Counted:
    """METRICS of `design` for arrays of values of one length; an int stands for all.

    Configurations that make no network are left out. Raises InputError for a metric that is more
    than an int64 holds, with its configuration.
    """
    size = max((len(value) for value in values.values() if not isinstance(value, int)), default=1)
    blocks = [
        _count_block(
            design,
            {
                name: value if isinstance(value, int) else value[start : start + BLOCK]
                for name, value in values.items()
            },
            start,
            min(BLOCK, size - start),
        )
        for start in range(0, size, BLOCK)
    ]
    return Counted(
        np.concatenate([block.kept for block in blocks]),
        {metric: np.concatenate([block.metrics[metric] for block in blocks]) for metric in METRICS},
    )


def _count_block(
    design: Design, values: Mapping[str, int | Array], start: int, size: int
) -> Counted:
    filled: Values = design.fill(values)
    kept = np.arange(start, start + size)
    if not _fits(design, filled):
        # Python's own integers, which have no limit: slow, and only needed close to 2^63.
        filled = {
            name: value.astype(object) if isinstance(value, np.ndarray) else value
            for name, value in filled.items()
        }
    while len(kept):
        try:
            network = design.build(**filled)
            found = totals(network.spec, network.input)
        except SpecError as error:
            if error.invalid is None:  # a rule that no array takes part in
                kept = kept[:0]
                break
            valid = ~error.invalid
            kept = kept[valid]
            filled = {
                name: value[valid] if isinstance(value, np.ndarray) else value
                for name, value in filled.items()
            }
        else:
            return Counted(kept, {m: _int64(m, found[m], len(kept), filled) for m in METRICS})
    return Counted(kept, {metric: np.empty(0, np.int64) for metric in METRICS})


def _fits(design: Design, values: Values) -> bool:
    """Whether no number that the walk meets can leave int64 (see `bound`)."""
    bounds = {
        name: Bound(int(value.min()), int(value.max())) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }
    try:
        network = design.build(**bounds)
        found = totals(network.spec, network.input)
    except MayOverflowError:
        return False
    except SpecError:
        return True  # a rule that no array takes part in: nothing will be counted
    return all(_high(value) <= INT64_MAX for value in found.values())


def _high(value: Bound | int) -> int:
    return value.high if isinstance(value, Bound) else value


def _int64(metric: str, found: int | Array, size: int, values: Values) -> Array:
    full = np.broadcast_to(np.asarray(found), (size,))
    if full.dtype == object:
        too_large = np.flatnonzero(full > INT64_MAX)
        if len(too_large):
            i = too_large[0]
            where = ", ".join(
                f"{name}={value[i] if isinstance(value, np.ndarray) else value}"
                for name, value in values.items()
                if value is not None
            )
            raise InputError(
                f"{metric} of {where} is {full[i]:,}, more than the largest int64, "
                f"{INT64_MAX:,}: sweep smaller networks, or `count` this one"
            )
    return full.astype(np.int64)
