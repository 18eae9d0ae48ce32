"""From the rows of a network to the kernels that an engine runs for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from shufflenet_flops.counting.row import CONV_KINDS, Kind, Row
from shufflenet_flops.spec import Number, OpClass, Shape
from shufflenet_flops.spec.numbers import is_array, is_equal

# Activations that an engine may compute within the kernel before; the place is the code.
ACTIVATIONS = (
    *("none", "relu", "relu6", "hardtanh", "clamp", "leaky_relu", "sigmoid", "hardsigmoid"),
    *("tanh", "silu", "hardswish", "gelu", "mish", "elu"),
)
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
_LAST = {Kind.LINEAR, Kind.MATMUL}  # whose channels are the last axis
_LAST_OPS = {"layer_norm", "softmax", "log_softmax", "rms_norm"}
BYTES = 4  # of one fp32 element
_CONVS = {kind.value for kind in CONV_KINDS}
_ATTENTION = "scaled_dot_product_attention"


@dataclass(frozen=True)
class Fusion:
    """What an engine computes in one kernel with the convolution or linear layer before it.

    `norm` is batch norm, `scale` a product with a learned number for each channel, `addition` the
    sum at a join; `attention` tells that scores, softmax and weighted sum are one kernel.
    """

    norm: bool = False
    scale: bool = False
    activations: frozenset[str] = frozenset()
    addition: bool = False
    attention: bool = False


class Kernel(NamedTuple):
    """What an engine runs in one go. `kind` is its class; all else may be ints or arrays.

    Input (n, c_in, h_in, w_in), output (n, c_out, h_out, w_out); of tokens, h is their number and
    w is 1. `operands` are inputs of the full size, `activation` is a place in ACTIVATIONS, `added`
    and `apart` are 0 or 1: a join's sum is within, and the input is not what the kernel before
    wrote, as after a view or at the start of a branch. `after` is a place in SORTS, of the kernel
    before, which tells in what layout the input comes; `resident` are the KiB of weights of the
    whole network, which tells from which cache they come. `paths` are of the rows it covers,
    `places` of these rows in the table.
    """

    kind: str
    n: Number
    c_in: Number
    h_in: Number
    w_in: Number
    c_out: Number
    h_out: Number
    w_out: Number
    k_h: Number = 1
    k_w: Number = 1
    stride: Number = 1
    groups: Number = 1
    operands: Number = 1
    activation: Number = 0
    added: Number = 0
    apart: Number = 0
    after: Number = 0
    resident: Number = 0
    paths: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[Number, ...]:
        """All but the kind and where it comes from, in the order of FIELDS."""
        numbers: Any = self[1 : 1 + len(FIELDS)]
        return tuple(numbers)


FIELDS = Kernel._fields[1:-2]
# What kernels do with layouts, which is to say what stands before another.
SORTS = ("nothing", "conv", "pool", "join", "elements", "move", "norm", "linear", "matmul")
_SORT_OF = {
    **dict.fromkeys(_CONVS, "conv"),
    **dict.fromkeys(("max_pool2d", "avg_pool2d"), "pool"),
    **dict.fromkeys(("add", "cat"), "join"),
    **dict.fromkeys(("clone", "roll", "pad", "index"), "move"),
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm"), "norm"),
    **dict.fromkeys(("linear", "mean"), "linear"),
    **dict.fromkeys(("matmul", "attention", "softmax"), "matmul"),
    # The names that engines have for them.
    **dict.fromkeys(("MaxPool", "AveragePool", "Pooling"), "pool"),
    **dict.fromkeys(("Add", "Concat", "Concatenation"), "join"),
    **dict.fromkeys(("ReorderInput", "ReorderOutput", "Reorder"), "move"),
    **dict.fromkeys(("Transpose", "Slice", "StridedSlice", "Split", "Gather"), "move"),
    **dict.fromkeys(("LayerNormalization", "MVN", "RMS"), "norm"),
    **dict.fromkeys(("ReduceMean", "Reduce"), "linear"),
    **dict.fromkeys(("Softmax", "ScaledDotProductAttention"), "matmul"),
}


def base_of(kind: str) -> str:
    """The class of a kernel, without what an engine adds of its own: `KIND/HOW`."""
    return kind.partition("/")[0]


def sort_of(kind: str) -> str:
    """What a kernel of this kind does with layouts, one of SORTS."""
    return _SORT_OF.get(base_of(kind).partition(" ")[0], _SORT_OF.get(base_of(kind), "elements"))


def kernels_of(rows: Sequence[Row], fusion: Fusion) -> list[Kernel]:
    """The kernels of a table's rows, in order; sizes may be ints or arrays.

    A row that follows a convolution or a linear layer, on its output, is taken into its kernel
    where `fusion` says so.
    """
    kernels: list[Kernel] = []
    written: Shape = ()
    for row, places in _with_silu(rows):
        taken = _taken_in(kernels, row, written, fusion)
        if taken is not None:
            kernels[-1] = taken._replace(
                paths=(*taken.paths, row.path), places=(*taken.places, *places)
            )
        else:
            apart = int(
                bool(written)
                and not _alike(_ungrouped(row.inputs[0]) if row.inputs else (), written)
            )
            kernels += (made._replace(apart=apart, places=places) for made in _made(row, fusion))
        written = _ungrouped(row.output)
    return _in_context(kernels)


def _with_silu(rows: Sequence[Row]) -> Iterator[tuple[Row, tuple[int, ...]]]:
    """The rows with their places; x * sigmoid(x), as graphs write it, is the silu that it is."""
    place = 0
    while place < len(rows):
        row, after = rows[place], rows[place + 1] if place + 1 < len(rows) else None
        if row.op == "sigmoid" and after is not None and after.op == "mul":
            shapes = (*after.inputs, after.output)
            if len(shapes) == 3 and all(_alike(shape, row.output) for shape in shapes):
                yield row._replace(op="silu"), (place, place + 1)
                place += 2
                continue
        yield row, (place,)
        place += 1


def _in_context(kernels: Sequence[Kernel]) -> list[Kernel]:
    """The kernels with what stands before each, and the weights of all of them together."""
    resident: Any = sum(map(weights, kernels)) * BYTES // 1024
    before = ("nothing", *(sort_of(kernel.kind) for kernel in kernels))
    return [
        kernel._replace(after=SORTS.index(sort), resident=resident)
        for kernel, sort in zip(kernels, before, strict=False)
    ]


def weights(kernel: Kernel) -> Any:
    """Numbers in the weight of a convolution or a linear layer; 0 of other kernels."""
    numbers: Any = kernel
    if kernel.kind in _CONVS:
        area = numbers.k_h * numbers.k_w
        return numbers.c_out * (numbers.c_in // numbers.groups) * area
    return numbers.c_out * numbers.c_in if kernel.kind == Kind.LINEAR.value else 0


def _taken_in(kernels: Sequence[Kernel], row: Row, written: Shape, fusion: Fusion) -> Kernel | None:
    """The last kernel with this row in it; None where the row is a kernel of its own."""
    if not kernels or not row.inputs or not _alike(row.output, written):
        return None
    last = kernels[-1]
    if last.kind not in _WEIGHTED:
        return None
    if row.kind is Kind.NORM:
        fits = fusion.norm and row.op == "batch_norm" and last.kind in _CONVS
        return last if fits and not last.activation and not last.added else None
    if row.op == "mul" and fusion.scale and len(row.inputs) == 1:
        return last
    if row.op in fusion.activations and not last.activation:
        return last._replace(activation=ACTIVATIONS.index(row.op))
    if row.op == "add" and fusion.addition and last.kind in _CONVS and len(row.inputs) == 2:
        return None if last.added or last.activation else last._replace(added=1)
    return None


_WEIGHTED = _CONVS | {Kind.LINEAR.value, "batch_norm"}


def _made(row: Row, fusion: Fusion) -> Iterable[Kernel]:
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
    k_h, k_w = (*(row.kernel or ()), 1, 1)[:2]
    stride = (row.stride or (1,))[0]
    kind = _SAME.get(row.op, row.op)
    operands: int = 1
    if row.op == "cat":
        c_in, operands = c_out, len(row.inputs)
    elif row.kind is Kind.ELEMENTWISE and len(row.inputs) > 1:
        alike = _alike(*row.inputs[:2])
        operands, kind = (2, kind) if alike else (1, f"{kind} broadcast")
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


def _ungrouped(shape: Shape) -> Shape:
    """A shape of a map, whether or not its channels are split into groups."""
    return _as_map(shape, last=False) if len(shape) > 4 else shape


def _alike(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(map(_equal, a, b))


def _equal(a: Number, b: Number) -> bool:
    """Whether sizes are equal, those of arrays in every network."""
    if is_array(a) or is_array(b):
        same: Any = a == b
        return bool(same.all())
    return is_equal(a, b)
