"""The predicted time of many configurations of one design at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shufflenet_flops.counting.table import layer_table
from shufflenet_flops.design.fit import SecondsOf
from shufflenet_flops.design.sweep.pareto import Array
from shufflenet_flops.zoo.designs import Design

# What decides which kernels there are: each combination of their few values is taken by itself.
_STRUCTURE = ("g", "k", "stride")
_AT_ONCE = 4096  # networks, few enough for the features of all their kernels to fit in memory


def predict_many(design: Design, variables: Mapping[str, Array], seconds_of: SecondsOf) -> Any:
    """Seconds of each configuration, an array of floats; every one of them makes a network."""
    size = len(next(iter(variables.values())))
    result = np.empty(size)
    own = [variables[name] for name in _STRUCTURE if name in variables]
    kinds = np.stack([np.zeros(size, np.int64), *own], axis=1)
    _, which = np.unique(kinds, axis=0, return_inverse=True)
    for kind in range(which.max(initial=-1) + 1):
        places = np.flatnonzero(which == kind)
        for start in range(0, len(places), _AT_ONCE):
            at = places[start : start + _AT_ONCE]
            values: dict[str, Any] = {name: column[at] for name, column in variables.items()}
            values |= {name: int(values[name][0]) for name in _STRUCTURE if name in values}
            network = design.build(**values)
            result[at] = seconds_of(layer_table(network.spec, network.input).rows, len(at))
    return result
