"""A row of a table by itself, as the kernels that it is."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from shufflenet_flops.counting.row import CONV_KINDS, Kind, Row
from shufflenet_flops.latency.predict.kernels import Fusion, Kernel
from shufflenet_flops.spec import Number, OpClass, Shape
from shufflenet_flops.spec.numbers import is_array, is_equal

# One op under several names.
_SAME = {
    "reshape": "clone",
    "contiguous": "clone",
    "channel_shuffle": "clone",
    "native_channel_shuffle": "clone",
    "mean": "mean",
    "adaptive_avg_pool2d": "mean",
    "swish": "silu",
}
# The height and width of what each value of a resized map is made of.
_TAPS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), (2, 2)),
    **dict.fromkeys(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), (4, 4)),
}
_LAST = {Kind.LINEAR, Kind.MATMUL}  # whose channels are the last axis
_LAST_OPS = {"layer_norm", "softmax", "log_softmax", "rms_norm"}
_ATTENTION = "scaled_dot_product_attention"


def made_of(row: Row, fusion: Fusion) -> Iterable[Kernel]:
    """The kernels of a row by itself: three for attention that is not fused, else one."""
    if row.op == _ATTENTION:
        return _attention(row, fusion)
    if row.kind in CONV_KINDS and row.op == "conv2d":
        return [_conv(row)]
    if row.op == "matmul":
        return [_matmul(row)]
    return [_other(row)]


def _conv(row: Row) -> Kernel:
    n, c_in, h_in, w_in = row.inputs[0]
    _, c_out, h_out, w_out = row.output
    k_h, k_w = row.kernel or (1, 1)
    stride = (row.stride or (1,))[0]
    groups = 1 if row.groups is None else row.groups
    sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, k_h, k_w, stride, groups)
    return Kernel(row.kind.value, *sizes, paths=(row.path,))


def _matmul(row: Row) -> Kernel:
    """(n, h, c_in) times (n, c_in, c_out)."""
    *batch, h, c_out = row.output
    n = prod(batch)
    c_in = row.macs // max(n * h * c_out, 1)
    return Kernel("matmul", n, c_in, h, 1, c_out, h, 1, paths=(row.path,))


def _attention(row: Row, fusion: Fusion) -> list[Kernel]:
    """Scores, softmax, weighted sum: of every head, `queries` times `keys` scores."""
    scores: Any = row.counts[OpClass.SOFTMAX_ELEMENTS]
    size = row.counts[OpClass.MATMUL_MACS] // (2 * scores)
    queries = row.inputs[0][-2]
    keys = row.inputs[1][-2] if len(row.inputs) > 1 else queries
    n = scores // (queries * keys)
    if fusion.attention:
        return [Kernel("attention", n, size, keys, 1, size, queries, 1, paths=(row.path,))]
    return [
        Kernel("matmul", n, size, queries, 1, keys, queries, 1, paths=(f"{row.path}/scores",)),
        Kernel("softmax", n, keys, queries, 1, keys, queries, 1, paths=(f"{row.path}/softmax",)),
        Kernel("matmul", n, keys, queries, 1, size, queries, 1, paths=(f"{row.path}/values",)),
    ]


def _other(row: Row) -> Kernel:
    """A linear layer, a pool, a norm, or work on elements: by the name of its op."""
    last = row.kind in _LAST or row.op in _LAST_OPS
    x = row.inputs[0] if row.inputs else row.output
    n, c_in, h_in, w_in = _as_map(x, last)
    _, c_out, h_out, w_out = _as_map(row.output, last)
    k_h, k_w = (*(row.kernel or _TAPS.get(row.op, ())), 1, 1)[:2]
    stride = (row.stride or (1,))[0]
    kind = _SAME.get(row.op, row.op)
    operands: int = 1
    if row.op == "cat":
        c_in, operands = c_out, len(row.inputs)
    elif row.kind is Kind.ELEMENTWISE and len(row.inputs) > 1:
        same = alike(*row.inputs[:2])
        operands, kind = (2, kind) if same else (1, f"{kind} broadcast")
    sizes = (n, c_in, h_in, w_in, c_out, h_out, w_out, k_h, k_w, stride, 1, operands)
    return Kernel(kind, *sizes, paths=(row.path,))


def _as_map(shape: Shape, last: bool) -> tuple[Number, Number, Number, Number]:
    """A shape as (n, c, h, w): channels on the second axis, or on the `last`."""
    if len(shape) < 2:
        return 1, prod(shape), 1, 1
    if len(shape) == 2:
        return shape[0], shape[1], 1, 1
    if last or len(shape) == 3:
        return shape[0], shape[-1], prod(shape[1:-1]), 1
    if len(shape) > 4:  # channels in groups, as channel shuffle sees them
        return shape[0], prod(shape[1:-2]), shape[-2], shape[-1]
    return shape[0], shape[1], shape[2], shape[3]


def ungrouped(shape: Shape) -> Shape:
    """A shape of a map, whether or not its channels are split into groups."""
    return _as_map(shape, last=False) if len(shape) > 4 else shape


def alike(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(map(_equal, a, b))


def _equal(a: Number, b: Number) -> bool:
    """Whether sizes are equal, those of arrays in every network."""
    if is_array(a) or is_array(b):
        same: Any = a == b
        return bool(same.all())
    return is_equal(a, b)
