"""What the time of a kernel is learned from: its work, its traffic, its shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.predict.kernels import FIELDS, Kernel, amounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTOR = 16  # fp32 numbers in the widest vector registers, and channels in a block of a layout
NAMES = (
    *("macs", "bytes_in", "bytes_weights", "bytes_out", "c_in", "c_out"),
    *("c_in_of_group", "c_out_of_group", "groups", "positions", "w_out", "kernel", "k_w", "stride"),
    *("c_in_rest", "c_out_rest", "c_out_of_group_rest", "positions_rest"),
    *("c_in_filled", "c_out_filled", "c_in_rest_4", "c_out_rest_4"),
    *("operands", "activation", "added", "apart", "after", "resident", "blocks", "whole", "n"),
)
MACS, IN, WEIGHTS, OUT = range(4)  # places in NAMES
AREA = NAMES.index("kernel")
_OF_NETWORKS = [FIELDS.index("resident"), FIELDS.index("whole")]


def matrix(kernels: Iterable[Kernel]) -> NDArray[Any]:
    """The numbers of kernels, one line each, in the columns of FIELDS; ints."""
    import numpy as np

    return np.array([kernel.numbers for kernel in kernels], dtype="int64").reshape(-1, len(FIELDS))


def rounded(numbers: NDArray[Any]) -> NDArray[Any]:
    """Lines of FIELDS, with what they tell of whole networks rounded to powers of 2.

    So kernels of many networks that differ in nothing else are the same.
    """
    result = numbers.copy()
    result[:, _OF_NETWORKS] = power_of_2(numbers[:, _OF_NETWORKS])
    return result


def power_of_2(amount: NDArray[Any]) -> NDArray[Any]:
    """The nearest one by its logarithm, from 1 on."""
    import numpy as np

    whole: NDArray[Any] = 2 ** np.round(np.log2(np.maximum(amount, 1))).astype("int64")
    return whole


def features(kind: str, numbers: NDArray[Any]) -> NDArray[Any]:
    """The features in NAMES of kernels of one kind, from the columns of FIELDS.

    Work in MACs, traffic in bytes (activations read, weights, activations written); a `rest` is
    what is left over of whole vectors.
    """
    import numpy as np

    kernel = Kernel._make((kind, *numbers.astype("float64").T, (), ()))
    k: Any = kernel
    work = amounts(kernel)
    positions, area = k.n * k.h_out * k.w_out, k.k_h * k.k_w
    columns = (
        *(*work, k.c_in, k.c_out, k.c_in / k.groups, k.c_out / k.groups, k.groups),
        *(positions, k.w_out, area, k.k_w, k.stride),
        *(k.c_in % VECTOR, k.c_out % VECTOR, (k.c_out / k.groups) % VECTOR, positions % VECTOR),
        *(k.c_in / _whole(k.c_in), k.c_out / _whole(k.c_out), k.c_in % 4, k.c_out % 4),
        *(k.operands, k.activation, k.added, k.apart, k.after, k.resident, k.blocks, k.whole, k.n),
    )
    return np.array(columns).T  # each feature's values side by side, as trees ask for them


def _whole(channels: NDArray[Any]) -> NDArray[Any]:
    """Channels in whole vectors: what an engine computes that fills the last one up."""
    import numpy as np

    return np.ceil(channels / VECTOR) * VECTOR
