"""What a module of a network looks like: the sizes, kernels and repeats that tables print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

from shufflenet_flops.counting import Kind
from shufflenet_flops.counting.row import CONV_KINDS, IntShape
from shufflenet_flops.errors import InputError
from shufflenet_flops.paper.network_figures import NetworkFigures
from shufflenet_flops.paper.verdict import Value
from shufflenet_flops.spec import Conv2d, Linear, Node, Seq
from shufflenet_flops.spec.ops import pair


def _shape(network: NetworkFigures, at: str) -> str:
    """Height, width and channels of the output: `28x28x256`."""
    c, h, w = network.rows(at)[-1].output[1:]
    return f"{h}x{w}x{c}"


def _hw(shape: IntShape) -> str:
    return "x".join(str(size) for size in shape[2:])


def _size(network: NetworkFigures, at: str) -> str:
    return _hw(network.rows(at)[-1].output)


def _input_shape(network: NetworkFigures, at: str) -> str:
    """Height, width and channels of the input, `1x1x1024` for a vector."""
    _, c, *sizes = network.rows(at)[0].inputs[0]
    h, w = sizes or (1, 1)
    return f"{h}x{w}x{c}"


def _filter(network: NetworkFigures, at: str) -> str:
    """Weights as MobileNet V1, Table 1, has them: `3x3x3x32`, `3x3x32 dw`, `1024x1000`."""
    (op,) = (visit.op for visit in network.part(at))
    if isinstance(op, Linear):
        return f"{op.features_in}x{op.features_out}"
    if not isinstance(op, Conv2d):
        raise InputError(f"at={at!r}: no convolution, and no fully connected layer")
    kernel = "x".join(map(str, pair(op.kernel)))
    is_depthwise = op.kind is Kind.DEPTHWISE_CONV
    return f"{kernel}x{op.c_in} dw" if is_depthwise else f"{kernel}x{op.c_in}x{op.c_out}"


def _expansion(network: NetworkFigures, at: str) -> Fraction:
    """Channels of the first depthwise convolution over those of the input."""
    rows = network.rows(at)
    wide = next(row for row in rows if row.kind is Kind.DEPTHWISE_CONV)
    return Fraction(wide.output[1], rows[0].inputs[0][1])


def _units(network: NetworkFigures, at: str) -> int:
    """How many modules the one at the path holds."""
    return len(_children(network.spec, at))


def _channels(network: NetworkFigures, at: str) -> int:
    return network.rows(at)[-1].output[1]


def _kernel(network: NetworkFigures, at: str) -> str:
    (row,) = network.rows(at)
    if row.kernel is None:  # a global pool's window is its whole input
        return _hw(row.inputs[0])
    return "x".join(str(size) for size in row.kernel)


def _stride(network: NetworkFigures, at: str) -> int:
    """How much smaller the map is at the end of the module than at its start."""
    rows = network.rows(at)
    return rows[0].inputs[0][2] // rows[-1].output[2]


def _repeat(network: NetworkFigures, at: str) -> int:
    """How many modules beside this one are exactly like it, itself included."""
    parent, _, name = at.rpartition(".")
    siblings = _children(network.spec, parent)
    return sum(node == siblings[name] for node in siblings.values())


def _block(network: NetworkFigures, at: str) -> str:
    """A stage of residual units as ResNet's Table 1 writes it: `[3x3, 64; 3x3, 64] x2`."""
    convs = [row for row in network.rows(f"{at}.1.branch") if row.kind in CONV_KINDS]
    layers = [
        f"{'x'.join(map(str, row.kernel or ()))}, {row.output[1]}"
        + (f", C={row.groups}" if row.groups != 1 else "")
        for row in convs
    ]
    return f"[{'; '.join(layers)}] x{len(_children(network.spec, at))}"


def _groups(network: NetworkFigures, at: str) -> int:
    (row,) = network.rows(at)
    return row.groups or 1


def _group_width(network: NetworkFigures, at: str) -> int:
    (row,) = network.rows(at)
    return row.output[1] // (row.groups or 1)


def _children(node: Node, path: str) -> dict[str, Node]:
    for name in filter(None, path.split(".")):
        node = dict(node.children if isinstance(node, Seq) else ())[name]
    return dict(node.children) if isinstance(node, Seq) else {}


# Each of the module at a path.
STRUCTURE: Mapping[str, Callable[[NetworkFigures, str], Value]] = MappingProxyType(
    {
        "input_size": lambda network, at: _hw(network.rows(at)[0].inputs[0]),
        "input_channels": lambda network, at: network.rows(at)[0].inputs[0][1],
        "input_shape": _input_shape,
        "filter": _filter,
        "expansion": _expansion,
        "units": _units,
        "shape": _shape,
        "size": _size,
        "channels": _channels,
        "kernel": _kernel,
        "stride": _stride,
        "repeat": _repeat,
        "block": _block,
        "groups": _groups,
        "group_width": _group_width,
    }
)
