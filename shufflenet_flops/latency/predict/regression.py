"""The time of kernels as learned from a calibration: a rough roofline, corrected by trees.

Times are learned as the logarithm of their ratio to the roofline, so that an error of a tenth
weighs the same in a small kernel and in a large one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import InputError
from shufflenet_flops.extras import install_command
from shufflenet_flops.latency.predict.distinct import distinct
from shufflenet_flops.latency.predict.features import (
    AREA,
    IN,
    MACS,
    NAMES,
    OUT,
    WEIGHTS,
    features,
    matrix,
    power_of_2,
    rounded,
)
from shufflenet_flops.latency.predict.kernels import Kernel
from shufflenet_flops.latency.predict.trees import Trees, trees_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

HYPERPARAMETERS: Mapping[str, float] = MappingProxyType(
    {"trees": 60, "learning_rate": 0.15, "leaves": 12, "samples_in_leaf": 5, "l2": 1.0}
)
LEAST_SAMPLES = 12  # of a kind, for it to be known at all
_LEAST_S = 1e-7  # below which a kernel is within another, and its time is noise
_SLOWEST = 0.995  # which of the kernels, from the fastest on, is the slowest that is no accident
_BEYOND = 2.0  # how far outside of what was measured a kernel may be, as a factor
# What may not be larger than what was measured, and what may not be smaller either: a kernel with
# less work than all others takes what a kernel takes by itself.
_AMOUNTS = ("macs", "bytes_in", "bytes_weights", "bytes_out")
_SHAPES = ("kernel", "groups", "stride", "n")

Timed = Sequence[tuple[Kernel, float]]


@dataclass(frozen=True)
class KindModel:
    """One kind of kernel: seconds = roofline(work) * exp(trees(features)).

    `roofline` holds the seconds of a MAC, of a byte, and of a kernel by itself; `low` and `high`
    are of the features that were measured, and `slowest` is by how many times its roofline the
    slowest kernel exceeded it.
    """

    roofline: NDArray[Any]
    trees: Trees | None
    low: NDArray[Any]
    high: NDArray[Any]
    slowest: float

    def seconds(self, x: NDArray[Any]) -> NDArray[Any]:
        """Of kernels with features `x`, one line each."""
        import numpy as np

        base: NDArray[Any] = work(x) @ self.roofline
        return base if self.trees is None else np.multiply(base, np.exp(self.trees.predict(x)))

    def at_most(self, x: NDArray[Any]) -> NDArray[Any]:
        """Seconds, were these kernels as slow for their work as the slowest that was measured."""
        bound: NDArray[Any] = self.slowest * (work(x) @ self.roofline)
        return bound

    def beyond(self, x: NDArray[Any]) -> str:
        """What of a kernel lies outside of what was measured; empty where nothing does."""
        for name in (*_AMOUNTS, *_SHAPES):
            place = NAMES.index(name)
            value, low, high = x[place], self.low[place], self.high[place]
            if value > high * _BEYOND:
                return f"{name} {value:,.0f}, measured at most {high:,.0f}"
            if name in _SHAPES and value < low / _BEYOND:
                return f"{name} {value:,.0f}, measured at least {low:,.0f}"
        return ""


@dataclass(frozen=True)
class TimeModel:
    """Every kind that was measured, and what stands for the others: a roofline over all kinds."""

    kinds: Mapping[str, KindModel]
    other: KindModel
    macs_only_s: float

    def seconds(self, kernels: Sequence[Kernel]) -> NDArray[Any]:
        """Seconds of each kernel, (len(kernels),); a kind that is not known gets a rough guess."""
        import numpy as np

        result = np.zeros(len(kernels))
        for kind, places in by_kind(kernels).items():
            numbers = matrix(kernels[i] for i in places)
            result[places] = self._of_kind(kind, rounded(numbers))
        return result

    def networks(self, kernels: Sequence[Kernel], number: int) -> NDArray[Any]:
        """Seconds of `number` networks at once, whose kernels' sizes are arrays of that length.

        Kernels that come again, within a network or in others, are worked out once.
        """
        import numpy as np

        result = np.zeros(number)
        resident, whole = _of_network(kernels[0]) if kernels else (0, 0)
        for kind, places in by_kind(kernels).items():
            sizes = [kernels[i]._replace(resident=resident, whole=whole).numbers for i in places]
            once = distinct(sizes, number)
            seconds = self._of_kind(kind, once.lines)[once.which]
            result += once.times @ seconds.reshape(len(once.times), number)
        return result

    def _of_kind(self, kind: str, numbers: NDArray[Any]) -> NDArray[Any]:
        """Seconds of kernels of one kind, a line of FIELDS each."""
        return self.kinds.get(kind, self.other).seconds(self._features(kind, numbers))

    def _features(self, kind: str, numbers: NDArray[Any]) -> NDArray[Any]:
        """The features; a kind that is not known reads its input as often as its kernel is large.

        So does a resized map, or a pool: what may have been written without a thought for speed.
        """
        x = features(kind, numbers)
        if kind not in self.kinds:
            x[:, IN] *= x[:, AREA]
        return x

    def at_most(self, kernel: Kernel) -> float:
        """What a kernel that is not covered takes at most, by its MACs and bytes; in seconds."""
        model = self.kinds.get(kernel.kind, self.other)
        x = self._features(kernel.kind, matrix([kernel]))
        return float(max(model.at_most(x)[0], model.seconds(x)[0]))

    def uncovered(self, kernel: Kernel) -> str:
        """Why a kernel is not covered by what was measured, with its name; empty where it is."""
        model = self.kinds.get(kernel.kind)
        if model is None:
            return f"{kernel.kind}: no such kernel was measured"
        why = model.beyond(features(kernel.kind, matrix([kernel]))[0])
        return f"{kernel.kind}: {why}" if why else ""


def fit(
    networks: Sequence[Timed], hyperparameters: Mapping[str, float] = HYPERPARAMETERS
) -> TimeModel:
    """Learn from the kernels of networks and their seconds; the same samples give the same model.

    Raises InputError where scikit-learn is not installed, or there are too few samples to learn.
    """
    import numpy as np

    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits  # scikit-learn brings it
    except ImportError:
        raise InputError(
            f"predicting time needs scikit-learn: {install_command('predict')}"
        ) from None
    samples: defaultdict[str, list[tuple[Kernel, float]]] = defaultdict(list)
    for timed in networks:
        for kernel, seconds in timed:
            samples[kernel.kind].append((kernel, max(seconds, _LEAST_S)))
    everything = {}
    for kind, timed in samples.items():
        x = features(kind, rounded(matrix(kernel for kernel, _ in timed)))
        everything[kind] = x, np.array([seconds for _, seconds in timed])
    regressor = HistGradientBoostingRegressor(
        max_iter=int(hyperparameters["trees"]),
        learning_rate=hyperparameters["learning_rate"],
        max_leaf_nodes=int(hyperparameters["leaves"]),
        min_samples_leaf=int(hyperparameters["samples_in_leaf"]),
        l2_regularization=hyperparameters["l2"],
        early_stopping=False,
        random_state=0,
    )
    # One thread learns faster from so few samples; where another program holds a core, several
    # wait for each other, some twenty times as long.
    with threadpool_limits(1, user_api="openmp"):
        kinds = {
            kind: _fit_kind(x, t, regressor)
            for kind, (x, t) in everything.items()
            if len(t) >= LEAST_SAMPLES
        }
    if not kinds:
        raise InputError("a calibration needs more networks than it has: run `calibrate` longer")
    all_x, all_t = (np.concatenate(part) for part in zip(*everything.values(), strict=True))
    other = _kind_model(all_x, all_t, _rough(all_x, all_t), None)
    return TimeModel(kinds, other, _macs_only(networks))


def _of_network(kernel: Kernel) -> tuple[Any, Any]:
    """What a kernel tells of its whole network, or of many, rounded (see `rounded`)."""
    import numpy as np

    return power_of_2(np.asarray(kernel.resident)), power_of_2(np.asarray(kernel.whole))


def _macs_only(networks: Sequence[Timed]) -> float:
    """Seconds of a MAC, were MACs all that there is: the median over the networks."""
    import numpy as np

    ratios = []
    for timed in networks:
        macs = sum(
            features(kind, matrix(timed[i][0] for i in places))[:, MACS].sum()
            for kind, places in by_kind([kernel for kernel, _ in timed]).items()
        )
        if macs:
            ratios.append(sum(seconds for _, seconds in timed) / macs)
    return float(np.median(ratios)) if ratios else 0.0


def _fit_kind(x: NDArray[Any], t: NDArray[Any], regressor: Any) -> KindModel:
    """One kind of kernel, by a regressor of scikit-learn that is fitted anew."""
    import numpy as np

    roofline = _roofline(x, t)
    regressor.fit(x, np.log(t / (work(x) @ roofline)), sample_weight=t**0.25)
    return _kind_model(x, t, roofline, trees_of(regressor))


def _kind_model(
    x: NDArray[Any], t: NDArray[Any], roofline: NDArray[Any], trees: Trees | None
) -> KindModel:
    import numpy as np

    slowest = float(np.quantile(t / (work(x) @ roofline), _SLOWEST))
    return KindModel(roofline, trees, x.min(axis=0), x.max(axis=0), slowest)


def work(x: NDArray[Any]) -> NDArray[Any]:
    """MACs, bytes moved, and 1, of each kernel."""
    import numpy as np

    moved = x[:, IN] + x[:, WEIGHTS] + x[:, OUT]
    return np.stack((x[:, MACS], moved, np.ones(len(x))), axis=1)


def _rough(x: NDArray[Any], t: NDArray[Any]) -> NDArray[Any]:
    """What stands for a kind that was not measured: medians over all that were.

    Of a MAC over kernels that have some, of a byte over those that have none, and the time of small
    ones for a kernel by itself.
    """
    import numpy as np

    macs, moved = work(x)[:, 0], work(x)[:, 1]
    has = macs > 0
    of_a_mac = np.median(t[has] / macs[has]) if has.any() else 0.0
    of_a_byte = np.median(t[~has] / moved[~has]) if not has.all() else 0.0
    return np.array([of_a_mac, of_a_byte, np.quantile(t, 0.1)])


def _roofline(x: NDArray[Any], t: NDArray[Any]) -> NDArray[Any]:
    """Seconds of a MAC, of a byte and of a kernel, none negative, of the least relative error."""
    import numpy as np
    from scipy.optimize import nnls

    relative = work(x) / t[:, None]
    scale = np.maximum(np.abs(relative).max(axis=0), 1e-300)
    found, _ = nnls(relative / scale, np.ones(len(t)))
    result: NDArray[Any] = np.maximum(found / scale, (0.0, 0.0, _LEAST_S / 100))
    return result


def by_kind(kernels: Iterable[Kernel]) -> dict[str, list[int]]:
    """The places of the kernels of each kind."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for i, kernel in enumerate(kernels):
        places[kernel.kind].append(i)
    return dict(places)
