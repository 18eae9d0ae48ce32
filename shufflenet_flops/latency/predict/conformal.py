"""How far predictions are off: of networks that were measured and not learned from.

Conformal prediction: of all errors on held-out networks, the one that 90 % do not exceed bounds the
error on the next network with probability 0.9, whatever the regressors are, as far as the next
network is one like these (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World").

A network that one asks about is of a sort of its own. So networks are not held out one by one, or
at random, with others of their sort left to learn from, but with all of their sort: those that
spend most of their time, beside pointwise convolutions, in the same kind of kernel. What the others
do not cover is left out: of a network like that a prediction says that it is a guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import ceil, exp, inf, log
from typing import TYPE_CHECKING

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.latency.predict.kernels import Kernel, base_of
from shufflenet_flops.latency.predict.regression import Timed, TimeModel, fit

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.calibration import Calibration

LEVEL = 0.9
MOST_UNCOVERED = 0.05  # of a predicted time, before it is no more than a guess
FOLDS = 5  # of networks that are all of one sort
LEAST_NETWORKS = 20  # for errors to be worked out: fewer say little
_LEAST_OF_A_SORT = 8
_EVERYWHERE = Kind.POINTWISE_CONV.value


def held_out_errors(calibration: Calibration, *, compiled: bool = False) -> tuple[float, ...]:
    """log(measured / predicted) of the networks that those of other sorts cover.

    By the engine's own nodes if `compiled`; none where it does not tell them, or few are covered.
    """
    networks = calibration.timed(compiled=compiled)
    if len(networks) < LEAST_NETWORKS or not all(networks):
        return ()
    errors = {}
    sorts = _sorts(networks)
    for held_out in dict.fromkeys(sorts):
        others = [timed for timed, sort in zip(networks, sorts, strict=True) if sort != held_out]
        model = fit(others, calibration.hyperparameters)
        for i, sort in enumerate(sorts):
            if sort == held_out:
                kernels = [kernel for kernel, _ in networks[i]]
                predicted = float(model.seconds(kernels).sum())
                if _is_covered(model, kernels):
                    errors[i] = log(calibration.samples[i].seconds / predicted)
    if len(errors) < LEAST_NETWORKS:
        return ()
    return tuple(round(errors[i], 4) for i in sorted(errors))


def _is_covered(model: TimeModel, kernels: Sequence[Kernel]) -> bool:
    """Whether nearly all of the time is of kernels like those that were learned from."""
    uncovered = [bool(model.uncovered(kernel)) for kernel in kernels]
    seconds = model.seconds(kernels).tolist()
    known = sum(s for s, is_guess in zip(seconds, uncovered, strict=True) if not is_guess)
    most = sum(model.at_most(k) for k, is_guess in zip(kernels, uncovered, strict=True) if is_guess)
    return bool(known >= (1 - MOST_UNCOVERED) * (known + most))


def _sorts(networks: Sequence[Timed]) -> list[str]:
    """The sort of each network; small ones are together, and a single one is cut into folds."""
    found = [_sort(timed) for timed in networks]
    numbers = Counter(found)
    sorts = [sort if numbers[sort] >= _LEAST_OF_A_SORT else "few" for sort in found]
    if len(set(sorts)) == 1:
        return [str(i % FOLDS) for i in range(len(networks))]
    return sorts


def _sort(timed: Timed) -> str:
    seconds: defaultdict[str, float] = defaultdict(float)
    for kernel, kernel_s in timed:
        seconds[base_of(kernel.kind)] += kernel_s
    seconds.pop(_EVERYWHERE, None)
    return max(seconds, key=seconds.__getitem__, default=_EVERYWHERE)


def factor(log_errors: Sequence[float], level: float = LEVEL) -> float:
    """By what factor a prediction may be off, either way, at this level; infinite where too few."""
    sizes = sorted(map(abs, log_errors))
    place = ceil((len(sizes) + 1) * level)
    return exp(sizes[place - 1]) if 0 < place <= len(sizes) else inf
