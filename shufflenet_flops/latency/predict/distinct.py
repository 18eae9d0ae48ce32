"""Which kernels of many networks are the same, so that each is worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.kernels import FIELDS
from shufflenet_flops.spec import Number

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Distinct:
    """`lines` are the sizes of kernels of which no two are the same, in the columns of FIELDS.

    Of m kernels that every network has, the k-th `times[k]` times, that of network i is the line
    `which[k * networks + i]`.
    """

    lines: NDArray[Any]
    which: NDArray[Any]
    times: NDArray[Any]


def distinct(kernels: Sequence[Sequence[Number]], number: int) -> Distinct:
    """The kernels of `number` networks, of all one kind; sizes are ints, or arrays of a length."""
    import numpy as np

    found: dict[bytes, tuple[Sequence[Number], NDArray[Any]]] = {}
    times: Counter[bytes] = Counter()
    for sizes in kernels:
        keys = _keys(sizes, number)
        name = keys.tobytes()
        found.setdefault(name, (sizes, keys))
        times[name] += 1
    all_keys = np.concatenate([keys for _, keys in found.values()])
    _, first, which = np.unique(all_keys, return_index=True, return_inverse=True)
    lines = _lines([sizes for sizes, _ in found.values()], first, number)
    return Distinct(lines, which, np.array([times[name] for name in found]))


def _keys(sizes: Sequence[Number], number: int) -> NDArray[Any]:
    """A key of each of `number` kernels, whose sizes are ints or arrays: equal where all sizes are.

    It is the sum of the sizes, each times its own odd factor, modulo 2^64. Of a million kernels two
    that differ share a key with a chance of 3 in 10^8.
    """
    import numpy as np

    factors = np.random.default_rng(0).integers(2**62, size=len(sizes)) | 1
    keys = np.zeros(number, dtype="int64")
    for size, factor in zip(sizes, factors, strict=True):
        keys += np.asarray(size, dtype="int64") * factor
    return keys


def _lines(sizes: Sequence[Sequence[Number]], chosen: NDArray[Any], number: int) -> NDArray[Any]:
    """The sizes of chosen kernels, a line each; kernel k of network i is place k * number + i."""
    import numpy as np

    lines = np.empty((len(chosen), len(FIELDS)), dtype="int64")
    kernel, network = np.divmod(chosen, number)
    for k in np.unique(kernel):
        here = kernel == k
        for column, size in enumerate(sizes[k]):
            lines[here, column] = np.broadcast_to(np.asarray(size), number)[network[here]]
    return lines
