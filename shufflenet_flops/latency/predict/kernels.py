"""What an engine runs in one go: a kernel, and what engines compute within one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shufflenet_flops.counting.row import CONV_KINDS, Kind
from shufflenet_flops.spec import Number

# Activations that an engine may compute within the kernel before; the place is the code.
ACTIVATIONS = (
    *("none", "relu", "relu6", "hardtanh", "clamp", "leaky_relu", "sigmoid", "hardsigmoid"),
    *("tanh", "silu", "hardswish", "gelu", "mish", "elu"),
)
BYTES = 4  # of one fp32 element
_CONVS = {kind.value for kind in CONV_KINDS}


@dataclass(frozen=True)
class Fusion:
    """What an engine computes in one kernel with the convolution or linear layer before it.

    `norm` is batch norm, `scale` a product with a learned number for each channel, `addition` the
    sum at a join; `attention` tells that scores, softmax and weighted sum are one kernel, `blocks`
    that maps are held in blocks of channels where an op can work on them (see `blocks.Layouts`).
    """

    norm: bool = False
    scale: bool = False
    activations: frozenset[str] = frozenset()
    addition: bool = False
    attention: bool = False
    blocks: bool = False


class Kernel(NamedTuple):
    """What an engine runs in one go. `kind` is its class; all else may be ints or arrays.

    Input (n, c_in, h_in, w_in), output (n, c_out, h_out, w_out); of tokens, h is their number and
    w is 1. `operands` are inputs of the full size, `activation` is a place in ACTIVATIONS, `added`
    and `apart` are 0 or 1: a join's sum is within, and the input is not what the kernel before
    wrote, as after a view or at the start of a branch. `after` is a place in SORTS, of the kernel
    before, which tells in what layout the input comes; `resident` are the KiB of weights of the
    whole network, which tells from which cache they come; `blocks` tells of an engine with blocked
    maps whether it works on one and whether its input is changed first, a place in LAYOUTS. `whole`
    is how much the whole network does (see `in_network`): the longer a call takes, the less likely
    it is that nothing disturbs it, and the less of what it reads is still in a cache.
    `paths` are of the rows it covers, `places` of these rows in the table.
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
    blocks: Number = 0
    whole: Number = 0
    paths: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[object, ...]:
        """What it is and how large, without what stands around it."""
        return self[: 1 + FIELDS.index("apart")]

    @property
    def numbers(self) -> tuple[Number, ...]:
        """All but the kind and where it comes from, in the order of FIELDS."""
        numbers: Any = self[1 : 1 + len(FIELDS)]
        return tuple(numbers)


FIELDS = Kernel._fields[1:-2]
LAYOUTS = ("plain", "blocked", "put into blocks", "taken out of blocks")
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


class Amounts(NamedTuple):
    """What a kernel works on: MACs, and bytes of activations read, of weights, and written."""

    macs: Any
    bytes_in: Any
    bytes_weights: Any
    bytes_out: Any


def amounts(kernel: Kernel) -> Amounts:
    """The work of a kernel, whose sizes may be ints or arrays."""
    k: Any = kernel
    kind = base_of(kernel.kind)
    positions = k.n * k.h_out * k.w_out
    area = k.k_h * k.k_w
    weights = macs = 0 * k.n
    if kind in _CONVS:
        weights = k.c_out * k.c_in // k.groups * area
        macs = positions * weights
    elif kind in (Kind.LINEAR.value, Kind.MATMUL.value):
        weights = k.c_out * k.c_in * (k.n if kind == Kind.MATMUL.value else area)
        macs = positions * k.c_in * k.c_out
    elif kind == "attention":
        macs = 2 * positions * k.h_in * k.c_in
    read = k.n * k.c_in * k.h_in * k.w_in * (k.operands + k.added)
    return Amounts(macs, BYTES * read, BYTES * weights, BYTES * positions * k.c_out)


def in_network(kernels: Sequence[Kernel], weight_bytes: Number) -> list[Kernel]:
    """The kernels of a network with what is known of all of them together.

    `whole` is the KiB that they move, and one more for every 8,192 MACs, which take a processor
    about as long.
    """
    whole: Any = 0
    for kernel in kernels:
        macs, *moved = amounts(kernel)
        whole += sum(moved) + macs // _MACS_OF_A_BYTE
    resident: Any = weight_bytes
    return [kernel._replace(resident=resident // 1024, whole=whole // 1024) for kernel in kernels]


_MACS_OF_A_BYTE = 8
