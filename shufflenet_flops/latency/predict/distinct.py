"""Which kernels of many networks are the same, so that each is worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.kernels import FIELDS

if TYPE_CHECKING:
    from numpy.typing import NDArray


Sizes = Sequence[Any]  # of a kernel: ints, or arrays with one for each network


@dataclass(frozen=True)
class Distinct:
    """`lines` are the sizes of kernels of which no two are the same, in the columns of FIELDS.

    Of m kernels that every network has, the k-th `times[k]` times, that of network i is the line
    `which[k * networks + i]`.
    """

    lines: NDArray[Any]
    which: NDArray[Any]
    times: NDArray[Any]


def distinct(kernels: Sequence[Sizes], number: int) -> Distinct:
    """The kernels of `number` networks, of all one kind; sizes are ints, or arrays of a length."""
    import numpy as np

    found: dict[bytes, tuple[Sizes, NDArray[Any]]] = {}
    times: Counter[bytes] = Counter()
    for sizes in kernels:
        keys = _keys(sizes, number)
        name = keys.tobytes()
        found.setdefault(name, (sizes, keys))
        times[name] += 1
    all_keys = np.concatenate([keys for _, keys in found.values()])
    _, first, which = np.unique(all_keys, return_index=True, return_inverse=True)
    order = np.argsort(first)  # one kernel after the other, as the sizes of each lie side by side
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    lines = _lines([sizes for sizes, _ in found.values()], first[order], number)
    return Distinct(lines, rank[which.reshape(-1)], np.array([times[name] for name in found]))


def _keys(sizes: Sizes, number: int) -> NDArray[Any]:
    """A key of each of `number` kernels, whose sizes are ints or arrays: equal where all sizes are.

    It is the sum of the sizes, each times its own odd factor, modulo 2^64. Of a million kernels two
    that differ share a key with a chance of 3 in 10^8.
    """
    import numpy as np

    factors = np.random.default_rng(0).integers(2**62, size=len(sizes), dtype="uint64") | 1
    keys = np.zeros(number, dtype="uint64")
    common = 0
    for size, factor in zip(sizes, factors.tolist(), strict=True):
        if np.ndim(size):
            keys += np.asarray(size, dtype="uint64") * np.uint64(factor)
        else:
            common += int(size) * factor  # also a lone number of numpy's
    return keys + np.uint64(common % 2**64)


def _lines(sizes: Sequence[Sizes], chosen: NDArray[Any], number: int) -> NDArray[Any]:
    """The sizes of chosen kernels, a line each; kernel k of network i is place k * number + i.

    `chosen` rise.
    """
    import numpy as np

    columns = np.empty((len(FIELDS), len(chosen)), dtype="int64")
    ends = np.searchsorted(chosen, np.arange(len(sizes) + 1) * number)
    for k, (start, end) in enumerate(pairwise(ends.tolist())):
        networks = chosen[start:end] - k * number
        for column, size in zip(columns, sizes[k], strict=True):
            column[start:end] = np.asarray(size)[networks] if np.ndim(size) else size
    return columns.T
