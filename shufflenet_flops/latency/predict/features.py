"""What the time of a kernel is learned from: its work, its traffic, its shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shufflenet_flops.counting.row import CONV_KINDS, Kind
from shufflenet_flops.latency.predict.kernels import BYTES, FIELDS, Kernel, base_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTOR = 16  # fp32 numbers in the widest vector registers, and channels in a block of a layout
_CONVS = {kind.value for kind in CONV_KINDS}
_WITH_WEIGHTS = _CONVS | {Kind.LINEAR.value}
NAMES = (
    *("macs", "bytes_in", "bytes_weights", "bytes_out", "c_in", "c_out"),
    *("c_in_of_group", "c_out_of_group", "groups", "positions", "w_out", "kernel", "k_w", "stride"),
    *("c_in_rest", "c_out_rest", "c_out_of_group_rest", "positions_rest"),
    *("c_in_filled", "c_out_filled", "c_in_rest_4", "c_out_rest_4"),
    *("operands", "activation", "added", "apart", "after", "resident", "blocks", "n"),
)
MACS, IN, WEIGHTS, OUT = range(4)  # places in NAMES
AREA = NAMES.index("kernel")
RESIDENT = FIELDS.index("resident")


def matrix(kernels: Iterable[Kernel]) -> NDArray[Any]:
    """The numbers of kernels, one line each, in the columns of FIELDS; ints."""
    import numpy as np

    return np.array([kernel.numbers for kernel in kernels], dtype="int64").reshape(-1, len(FIELDS))


def rounded(resident: NDArray[Any]) -> NDArray[Any]:
    """The KiB of weights of whole networks, rounded to powers of 2.

    So kernels of many networks that differ in nothing else are the same.
    """
    import numpy as np

    whole: NDArray[Any] = 2 ** np.round(np.log2(np.maximum(resident, 1))).astype("int64")
    return whole


def features(kind: str, numbers: NDArray[Any]) -> NDArray[Any]:
    """The features in NAMES of kernels of one kind, from the columns of FIELDS.

    Work in MACs, traffic in bytes (activations read, weights, activations written); a `rest` is
    what is left over of whole vectors.
    """
    import numpy as np

    n, c_in, h_in, w_in, c_out, h_out, w_out, *others = numbers.astype("float64").T
    kind = base_of(kind)
    k_h, k_w, stride, groups, operands, activation, added, apart, after, resident, blocks = others
    positions = n * h_out * w_out
    area = k_h * k_w
    zeros = np.zeros_like(n)
    if kind == Kind.MATMUL.value:
        weights = n * c_in * c_out
    else:
        weights = c_out * c_in / groups * area if kind in _WITH_WEIGHTS else zeros
    if kind in _CONVS:
        macs = positions * weights
    elif kind in (Kind.LINEAR.value, Kind.MATMUL.value):
        macs = positions * c_in * c_out
    elif kind == "attention":
        macs = 2 * positions * h_in * c_in
    else:
        macs = zeros
    columns = (
        *(macs, BYTES * n * c_in * h_in * w_in * (operands + added)),
        *(BYTES * weights, BYTES * positions * c_out, c_in, c_out),
        *(c_in / groups, c_out / groups, groups, positions, w_out, area, k_w, stride),
        *(c_in % VECTOR, c_out % VECTOR, (c_out / groups) % VECTOR, positions % VECTOR),
        *(c_in / _whole(c_in), c_out / _whole(c_out), c_in % 4, c_out % 4),
        *(operands, activation, added, apart, after, resident, blocks, n),
    )
    return np.array(columns).T  # each feature's values side by side, as trees ask for them


def _whole(channels: NDArray[Any]) -> NDArray[Any]:
    """Channels in whole vectors: what an engine computes that fills the last one up."""
    import numpy as np

    return np.ceil(channels / VECTOR) * VECTOR
