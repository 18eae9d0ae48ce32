"""The arenas of a source: what one inference takes on a device that places every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shufflenet_flops.peak.arena import run_tensors, spec_tensors
from shufflenet_flops.peak.result import ArenaSize, arena_sizes
from shufflenet_flops.peak.timeline import Storage
from shufflenet_flops.sources.source import Source

# Bytes of an element of inputs that are not of floating point, which stay as they are.
_WHOLE = {"int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1}


def arenas_of(source: Source) -> tuple[ArenaSize, ...]:
    """The arenas for each type, from the spec or else from a trace.

    Raises ModelError where the forward pass fails, InputError for a source without a module.
    """
    return arena_sizes(partial(_tensors, source), source.counted.params)


def _tensors(source: Source, itemsize: int) -> Sequence[Storage]:
    network = source.network
    if network is not None:
        return spec_tensors(network.spec, source.first_shape, itemsize)
    inputs = [(given.shape, _WHOLE.get(given.dtype, 0)) for given in source.inputs]
    return run_tensors(source.timeline(), inputs, itemsize)
