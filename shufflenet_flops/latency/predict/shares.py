"""What is learned from a calibration, also where an engine tells the time of whole networks alone.

Then the time of each kernel is worked out: at first its share of the network's is that of a
roofline for each class of kernel, all of them fitted together on whole networks; then, some times
over, that of what `fit` has learned from the shares before (as in expectation maximisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.features import features, matrix
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.regression import TimeModel, by_kind, fit, work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shufflenet_flops.latency.predict.calibration import Calibration, Timed

_ROUNDS = 3
_PRIOR = 0.1  # how much a class that is seldom seen keeps to what all classes have in common


def learn(calibration: Calibration, networks: Sequence[Sequence[Timed]]) -> TimeModel:
    """What `fit` learns from networks of a calibration. Raises as `fit`."""
    if not find_profiler(calibration.engine).tells_kernels:
        networks = worked_out(networks, calibration.hyperparameters)
    return fit(networks, calibration.hyperparameters)


def worked_out(networks: Sequence[Sequence[Timed]], hyperparameters: Any) -> list[list[Timed]]:
    """The same kernels, with times that add up to those of the networks, as the given ones do."""
    wholes = [sum(seconds for _, seconds in timed) for timed in networks]
    guesses = _by_rooflines(networks, wholes)
    for _ in range(_ROUNDS):
        shared = _shared(networks, wholes, guesses)
        model = fit(shared, hyperparameters)
        guesses = [model.seconds([kernel for kernel, _ in timed]) for timed in networks]
    return _shared(networks, wholes, guesses)


def _shared(
    networks: Sequence[Sequence[Timed]], wholes: Sequence[float], guesses: Sequence[NDArray[Any]]
) -> list[list[Timed]]:
    """Each whole shared among its kernels as they are guessed."""
    return [
        [
            (kernel, whole * float(share))
            for (kernel, _), share in zip(timed, guess / guess.sum(), strict=True)
        ]
        for timed, whole, guess in zip(networks, wholes, guesses, strict=True)
    ]


def _by_rooflines(
    networks: Sequence[Sequence[Timed]], wholes: Sequence[float]
) -> list[NDArray[Any]]:
    """Seconds of each kernel: of a MAC, of a byte and of a kernel of its class, none negative."""
    import numpy as np
    from scipy.optimize import nnls

    kernels = [kernel for timed in networks for kernel, _ in timed]
    network = np.repeat(np.arange(len(networks)), [len(timed) for timed in networks])
    kinds = by_kind(kernels)
    amounts = np.zeros((len(kernels), 3 * len(kinds)))
    for place, (kind, places) in enumerate(kinds.items()):
        x = features(kind, matrix(kernels[i] for i in places))
        amounts[places, 3 * place : 3 * place + 3] = work(x)
    sums = np.zeros((len(networks), amounts.shape[1]))
    np.add.at(sums, network, amounts)
    relative = sums / np.array(wholes)[:, None]
    common = relative.reshape(len(networks), -1, 3).sum(axis=1)
    scale = common.max(axis=0).clip(min=1e-300)
    of_all, _ = nnls(common / scale, np.ones(len(networks)))
    usual = np.tile((of_all / scale).clip(min=1e-3 / scale), len(kinds))
    prior = _PRIOR * np.eye(len(usual))
    times, _ = nnls(
        np.concatenate((relative * usual, prior)),
        np.concatenate((np.ones(len(networks)), np.diag(prior))),
    )
    seconds = (amounts * usual) @ times.clip(min=1e-3)
    return np.split(seconds, np.cumsum([len(timed) for timed in networks])[:-1])
