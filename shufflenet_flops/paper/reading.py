"""A reading: what a printed figure is a figure of, and how to compute that from the zoo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import prod
from types import MappingProxyType
from typing import TypeAlias

from shufflenet_flops import zoo
from shufflenet_flops.counting import Kind, Row, find_convention
from shufflenet_flops.counting.row import CONV_KINDS, MAC_KINDS, IntShape
from shufflenet_flops.counting.table import counted, row_of
from shufflenet_flops.errors import InputError
from shufflenet_flops.paper.claims import CLAIMS, Quoted
from shufflenet_flops.paper.verdict import Value
from shufflenet_flops.peak.arena import arena, spec_tensors
from shufflenet_flops.spec import Conv2d, Linear, Node, OpClass, Seq, Visit, walk
from shufflenet_flops.spec.numbers import whole
from shufflenet_flops.spec.ops import Op, pair


@dataclass(frozen=True)
class Reading:
    """How one figure is computed: a quantity of a model on an input, or a claim of the text.

    `at` is a module path (or what the claim says it is), `without` those of modules whose MACs are
    left out, `kinds` the kinds of layer that a share
    is taken over, `label` what sets an alternative apart from the cell's own reading.
    """

    quantity: str
    model: str | None = None
    convention: str = "paper"
    input: IntShape | None = None
    at: str = ""
    without: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    label: str = ""


def compute(reading: Reading, quoted: Quoted) -> Value:
    """The figure, in base units: exact. `quoted` looks up printed figures for the claims.

    Raises a ShufflenetFlopsError where the model or its path does not exist.
    """
    if reading.model is None:
        return CLAIMS[reading.quantity](reading.at, quoted)
    return QUANTITIES[reading.quantity](_subject(reading.model, reading.input), reading)


def convention_of(reading: Reading) -> str | None:
    """What was counted: a convention, a rule for parameters or memory, or None for structure."""
    if reading.model is None:
        return None
    if reading.quantity in ("macs", "mac_share"):
        return reading.convention
    return _RULES.get(reading.quantity)


_RULES = {
    "params": "params",
    "weights": "weights",
    "weight_share": "weights",
    "arena_int8": "arena",
    "arena_int8_in_place": "arena, depthwise in place",
}


@dataclass(frozen=True)
class _Subject:
    spec: Node
    x: IntShape

    @cached_property
    def visits(self) -> list[Visit]:
        """The ops that do something, which are enough for totals."""
        return list(counted(walk(self.spec, self.x)))

    @cached_property
    def counts(self) -> dict[OpClass, int]:
        """Work of the whole network by op class."""
        return _counts(self.visits)

    @cached_property
    def params(self) -> int:
        """Parameters of the whole network."""
        return _params(self.visits)

    def part(self, at: str) -> list[Visit]:
        """The visits of the module at a path, itself included; all for an empty path."""
        if not at:
            return self.visits
        inside = f"{at}."
        visits = [
            visit for visit in self.visits if visit.path == at or visit.path.startswith(inside)
        ]
        if not visits:
            raise InputError(f"at={at!r}: the network has no such module")
        return visits

    def rows(self, at: str) -> tuple[Row, ...]:
        """The rows of that part."""
        return tuple(map(row_of, self.part(at)))

    @property
    def layers(self) -> list[Visit]:
        """Convolutions, linear layers and matrix products."""
        return [visit for visit in self.visits if visit.op.kind in MAC_KINDS]


def _counts(visits: Iterable[Visit]) -> dict[OpClass, int]:
    """Work by op class, without a row for each op."""
    total: dict[OpClass, int] = {}
    for visit in visits:
        for op_class, amount in visit.op.counts(visit.inputs, visit.output).items():
            total[op_class] = total.get(op_class, 0) + whole(amount)
    return total


def _params(visits: Iterable[Visit]) -> int:
    return sum(whole(visit.op.params) for visit in visits)


@lru_cache(maxsize=1024)
def _subject(model: str, x: IntShape | None) -> _Subject:
    network = zoo.find(model)
    return _Subject(network.spec, x or network.input)


def _macs(subject: _Subject, reading: Reading) -> int:
    convention = find_convention(reading.convention)
    counts = _counts(subject.part(reading.at)) if reading.at else subject.counts
    left_out = (_counts(subject.part(path)) for path in reading.without)
    return convention.total(counts) - sum(map(convention.total, left_out))


def _mac_share(subject: _Subject, reading: Reading) -> Fraction:
    total = find_convention("paper").total
    part = _counts(visit for visit in subject.visits if visit.op.kind in reading.kinds)
    return Fraction(100 * total(part), total(subject.counts))


def _weights_of(op: Op) -> int:
    bias = 0
    if isinstance(op, Conv2d) and op.bias:
        bias = whole(op.c_out)
    elif isinstance(op, Linear) and op.bias:
        bias = whole(op.features_out)
    return whole(op.params) - bias


def _weights(subject: _Subject, reading: Reading) -> int:
    """Parameters of convolutions and linear layers without their biases."""
    ops = (visit.op for visit in subject.part(reading.at))
    return sum(_weights_of(op) for op in ops if op.kind in MAC_KINDS)


def _weight_share(subject: _Subject, reading: Reading) -> Fraction:
    ops = (visit.op for visit in subject.visits)
    part = sum(_weights_of(op) for op in ops if op.kind in reading.kinds)
    return Fraction(100 * part, _weights(subject, reading))


def _activations(subject: _Subject) -> int:
    return sum(prod(map(whole, visit.output)) for visit in subject.layers)


def _activations_with_pools(subject: _Subject, reading: Reading) -> int:
    """Outputs of convolutions, linear layers and pools, but for global ones (RegNet, section 3)."""
    return _activations(subject) + subject.counts.get(OpClass.MAX_POOL_OUTPUTS, 0)


def _arena(subject: _Subject, *, depthwise_in_place: bool) -> int:
    """Bytes of the arena of one inference in int8, as `count --peak` lays it out."""
    tensors = spec_tensors(subject.spec, subject.x, depthwise_in_place=depthwise_in_place)
    return arena(tensors).bytes


def _map_bytes(subject: _Subject, reading: Reading) -> int:
    """Of the output of a module, in numbers of 16 bits."""
    return 2 * prod(subject.rows(reading.at)[-1].output)


def _map_bytes_on_input(subject: _Subject, reading: Reading) -> int:
    """As many channels as a module gives, on the size of its input, in numbers of 16 bits."""
    rows = subject.rows(reading.at)
    return 2 * prod((rows[-1].output[1], *rows[0].inputs[0][2:]))


def _shape(subject: _Subject, reading: Reading) -> str:
    """Height, width and channels of the output: `28x28x256`."""
    c, h, w = subject.rows(reading.at)[-1].output[1:]
    return f"{h}x{w}x{c}"


def _layers(subject: _Subject, reading: Reading) -> int:
    return len(subject.layers)


def _hw(shape: IntShape) -> str:
    return "x".join(str(size) for size in shape[2:])


def _size(subject: _Subject, reading: Reading) -> str:
    return _hw(subject.rows(reading.at)[-1].output)


def _input_shape(subject: _Subject, reading: Reading) -> str:
    """Height, width and channels of the input, `1x1x1024` for a vector."""
    _, c, *sizes = subject.rows(reading.at)[0].inputs[0]
    h, w = sizes or (1, 1)
    return f"{h}x{w}x{c}"


def _filter(subject: _Subject, reading: Reading) -> str:
    """Weights as MobileNet V1, Table 1, has them: `3x3x3x32`, `3x3x32 dw`, `1024x1000`."""
    (op,) = (visit.op for visit in subject.part(reading.at))
    if isinstance(op, Linear):
        return f"{op.features_in}x{op.features_out}"
    if not isinstance(op, Conv2d):
        raise InputError(f"at={reading.at!r}: no convolution, and no fully connected layer")
    kernel = "x".join(map(str, pair(op.kernel)))
    is_depthwise = op.kind is Kind.DEPTHWISE_CONV
    return f"{kernel}x{op.c_in} dw" if is_depthwise else f"{kernel}x{op.c_in}x{op.c_out}"


def _expansion(subject: _Subject, reading: Reading) -> Fraction:
    """Channels of the first depthwise convolution over those of the input."""
    rows = subject.rows(reading.at)
    wide = next(row for row in rows if row.kind is Kind.DEPTHWISE_CONV)
    return Fraction(wide.output[1], rows[0].inputs[0][1])


def _units(subject: _Subject, reading: Reading) -> int:
    """How many modules the one at the path holds."""
    return len(_children(subject.spec, reading.at))


def _channels(subject: _Subject, reading: Reading) -> int:
    return subject.rows(reading.at)[-1].output[1]


def _kernel(subject: _Subject, reading: Reading) -> str:
    (row,) = subject.rows(reading.at)
    if row.kernel is None:  # a global pool's window is its whole input
        return _hw(row.inputs[0])
    return "x".join(str(size) for size in row.kernel)


def _stride(subject: _Subject, reading: Reading) -> int:
    """How much smaller the map is at the end of the module than at its start."""
    rows = subject.rows(reading.at)
    return rows[0].inputs[0][2] // rows[-1].output[2]


def _repeat(subject: _Subject, reading: Reading) -> int:
    """How many modules beside this one are exactly like it, itself included."""
    parent, _, name = reading.at.rpartition(".")
    siblings = _children(subject.spec, parent)
    return sum(node == siblings[name] for node in siblings.values())


def _block(subject: _Subject, reading: Reading) -> str:
    """A stage of residual units as ResNet's Table 1 writes it: `[3x3, 64; 3x3, 64] x2`."""
    convs = [row for row in subject.rows(f"{reading.at}.1.branch") if row.kind in CONV_KINDS]
    layers = [
        f"{'x'.join(map(str, row.kernel or ()))}, {row.output[1]}"
        + (f", C={row.groups}" if row.groups != 1 else "")
        for row in convs
    ]
    return f"[{'; '.join(layers)}] x{len(_children(subject.spec, reading.at))}"


def _groups(subject: _Subject, reading: Reading) -> int:
    (row,) = subject.rows(reading.at)
    return row.groups or 1


def _group_width(subject: _Subject, reading: Reading) -> int:
    (row,) = subject.rows(reading.at)
    return row.output[1] // (row.groups or 1)


def _children(node: Node, path: str) -> dict[str, Node]:
    for name in filter(None, path.split(".")):
        node = dict(node.children if isinstance(node, Seq) else ())[name]
    return dict(node.children) if isinstance(node, Seq) else {}


Quantity: TypeAlias = Callable[[_Subject, Reading], Value]

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "macs": _macs,
        "mac_share": _mac_share,
        "params": lambda subject, reading: (
            _params(subject.part(reading.at)) if reading.at else subject.params
        ),
        "weights": _weights,
        "activations": lambda subject, reading: _activations(subject),
        "activations_with_pools": _activations_with_pools,
        "weight_share": _weight_share,
        "arena_int8": lambda subject, _: _arena(subject, depthwise_in_place=False),
        "arena_int8_in_place": lambda subject, _: _arena(subject, depthwise_in_place=True),
        "map_16bit": _map_bytes,
        "map_16bit_on_input": _map_bytes_on_input,
        "layers": _layers,
        "input_size": lambda subject, reading: _hw(subject.rows(reading.at)[0].inputs[0]),
        "input_channels": lambda subject, reading: subject.rows(reading.at)[0].inputs[0][1],
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
