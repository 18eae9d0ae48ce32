"""How far predictions are off: of networks that were measured and not learned from.

Conformal prediction: of all errors on held-out networks, the one that 90 % do not exceed bounds the
error on the next network with probability 0.9, whatever the regressors are, as far as the next
network is one like these (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World").
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, inf, log
from typing import TYPE_CHECKING

from shufflenet_flops.latency.predict.regression import fit

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.calibration import Calibration

LEVEL = 0.9
FOLDS = 5
LEAST_NETWORKS = 20  # for errors to be worked out: fewer say little


def held_out_errors(calibration: Calibration, *, compiled: bool = False) -> tuple[float, ...]:
    """log(measured / predicted) of each network, predicted from the other four fifths of them.

    By the engine's own nodes if `compiled`; none where it does not tell them.
    """
    networks = calibration.timed(compiled=compiled)
    if len(networks) < LEAST_NETWORKS or not all(networks):
        return ()
    errors = {}
    for fold in range(FOLDS):
        model = fit(
            [timed for i, timed in enumerate(networks) if i % FOLDS != fold],
            calibration.hyperparameters,
        )
        for i in range(fold, len(networks), FOLDS):
            predicted = float(model.seconds([kernel for kernel, _ in networks[i]]).sum())
            errors[i] = log(calibration.samples[i].seconds / predicted)
    return tuple(round(errors[i], 4) for i in range(len(networks)))


def factor(log_errors: Sequence[float], level: float = LEVEL) -> float:
    """By what factor a prediction may be off, either way, at this level; infinite where too few."""
    sizes = sorted(map(abs, log_errors))
    place = ceil((len(sizes) + 1) * level)
    return exp(sizes[place - 1]) if 0 < place <= len(sizes) else inf
