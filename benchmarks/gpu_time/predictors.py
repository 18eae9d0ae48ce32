"""Predictors of a network's time from sums over its layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from benchmarks.gpu_time.errors import Floats
from benchmarks.gpu_time.features import ONCE_A_BATCH, Sums, of_kinds, of_ops, of_whole
from benchmarks.gpu_time.traced import Traced

RIDGE = 1e-3
ROUNDS = 5  # of weighted least squares, on the way to least absolute errors
CLOSE = 0.1  # below this relative error a network weighs no more than any other
LEAST_FAMILIES = 4  # that have an op, for it to have a time of its own


class Columns(NamedTuple):
    """Sums of many networks, for each image: `values` has a line for each network."""

    names: Sequence[tuple[str, str]]
    values: Floats


def columns(sums: Sequence[Sums], batches: Sequence[float]) -> Columns:
    """What of these sums is not 0 everywhere, for each image of a batch."""
    names = sorted({name for of_one in sums for name, value in of_one.items() if value})
    values = np.array([[of_one.get(name, 0.0) for name in names] for of_one in sums])
    once = [name in ONCE_A_BATCH for _, name in names]
    values[:, once] /= np.asarray(batches)[:, None]
    return Columns(names, values)


# From columns, times and families of the networks to learn from to the times of any others.
Fitted = Callable[[Floats], Floats]
Families = npt.NDArray[np.str_]
Fit = Callable[[Columns, Floats, Families], Fitted]


@dataclass(frozen=True)
class Predictor:
    """A way to tell time: `sums` are what it goes by, `fit` learns from some networks."""

    title: str
    sums: Callable[[Traced], Sums]
    fit: Fit


def power_of(*names: str) -> Fit:
    """Time as a power of one figure of the whole network, times a constant, by least squares.

    Several names are added up.
    """

    def fit(known: Columns, seconds: Floats, families: Families) -> Fitted:
        at = [known.names.index(("network", name)) for name in names]
        slope, start = np.polyfit(np.log(known.values[:, at].sum(axis=1)), np.log(seconds), 1)
        return lambda values: np.exp(start + slope * np.log(values[:, at].sum(axis=1)))

    return fit


def weighted_sum(known: Columns, seconds: Floats, families: Families) -> Fitted:
    """Time as a sum with weights of 0 or more: so much for each MAC, byte and op of each kind.

    The weights have nearly the least sum of absolute relative errors, with a small ridge. A column
    that fewer than LEAST_FAMILIES families have keeps a weight of 0: what one family does by itself
    says little of others.
    """
    used = np.array([len(set(families[column > 0])) for column in known.values.T])
    used = used >= min(LEAST_FAMILIES, len(set(families)))
    relative = known.values[:, used] / seconds[:, None]
    scale = relative.mean(axis=0)
    weights = _least(relative / scale) / scale
    return lambda values: values[:, used] @ weights


def _least(a: Floats) -> Floats:
    """The x of 0 or more that makes all of `a` @ x nearly 1."""
    close = np.ones(len(a))
    for _ in range(ROUNDS):
        gram = (a * close[:, None]).T @ a / len(a) + RIDGE * np.eye(a.shape[1])
        upper = cholesky(gram)
        x, _ = nnls(upper, solve_triangular(upper, a.T @ close / len(a), trans="T"))
        close = 1 / np.maximum(np.abs(a @ x - 1), CLOSE)
    return x


PREDICTORS = (
    Predictor("MACs", of_whole, power_of("macs")),
    Predictor("activations", of_whole, power_of("activations")),
    Predictor("bytes", of_whole, power_of("read", "written")),
    Predictor("whole network", of_whole, weighted_sum),
    Predictor("kinds of layers", of_kinds, weighted_sum),
    Predictor("kinds and ops", of_ops, weighted_sum),
)
