"""A reading: what a printed figure is a figure of, and how to compute that from the zoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from types import MappingProxyType
from typing import TypeAlias

from shufflenet_flops.counting import find_convention
from shufflenet_flops.counting.row import MAC_KINDS, IntShape
from shufflenet_flops.paper.claims import CLAIMS, Quoted
from shufflenet_flops.paper.network_figures import NetworkFigures, counts_of, figures_of, params_of
from shufflenet_flops.paper.structure import STRUCTURE
from shufflenet_flops.paper.verdict import Value
from shufflenet_flops.peak.arena import arena, spec_tensors
from shufflenet_flops.spec import Conv2d, Linear, OpClass
from shufflenet_flops.spec.numbers import whole
from shufflenet_flops.spec.ops import Op


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
    return QUANTITIES[reading.quantity](figures_of(reading.model, reading.input), reading)


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


def _macs(network: NetworkFigures, reading: Reading) -> int:
    convention = find_convention(reading.convention)
    counts = counts_of(network.part(reading.at)) if reading.at else network.counts
    left_out = (counts_of(network.part(path)) for path in reading.without)
    return convention.total(counts) - sum(map(convention.total, left_out))


def _mac_share(network: NetworkFigures, reading: Reading) -> Fraction:
    total = find_convention("paper").total
    part = counts_of(visit for visit in network.visits if visit.op.kind in reading.kinds)
    return Fraction(100 * total(part), total(network.counts))


def _weights_of(op: Op) -> int:
    bias = 0
    if isinstance(op, Conv2d) and op.bias:
        bias = whole(op.c_out)
    elif isinstance(op, Linear) and op.bias:
        bias = whole(op.features_out)
    return whole(op.params) - bias


def _weights(network: NetworkFigures, reading: Reading) -> int:
    """Parameters of convolutions and linear layers without their biases."""
    ops = (visit.op for visit in network.part(reading.at))
    return sum(_weights_of(op) for op in ops if op.kind in MAC_KINDS)


def _weight_share(network: NetworkFigures, reading: Reading) -> Fraction:
    ops = (visit.op for visit in network.visits)
    part = sum(_weights_of(op) for op in ops if op.kind in reading.kinds)
    return Fraction(100 * part, _weights(network, reading))


def _activations(network: NetworkFigures) -> int:
    return sum(prod(map(whole, visit.output)) for visit in network.layers)


def _activations_with_pools(network: NetworkFigures, reading: Reading) -> int:
    """Outputs of convolutions, linear layers and pools, but for global ones (RegNet, section 3)."""
    return _activations(network) + network.counts.get(OpClass.MAX_POOL_OUTPUTS, 0)


def _arena(network: NetworkFigures, *, depthwise_in_place: bool) -> int:
    """Bytes of the arena of one inference in int8, as `count --peak` lays it out."""
    tensors = spec_tensors(network.spec, network.x, depthwise_in_place=depthwise_in_place)
    return arena(tensors).bytes


def _map_bytes(network: NetworkFigures, reading: Reading) -> int:
    """Of the output of a module, in numbers of 16 bits."""
    return 2 * prod(network.rows(reading.at)[-1].output)


def _map_bytes_on_input(network: NetworkFigures, reading: Reading) -> int:
    """As many channels as a module gives, on the size of its input, in numbers of 16 bits."""
    rows = network.rows(reading.at)
    return 2 * prod((rows[-1].output[1], *rows[0].inputs[0][2:]))


def _layers(network: NetworkFigures, reading: Reading) -> int:
    return len(network.layers)


def _of_structure(look: Callable[[NetworkFigures, str], Value]) -> Quantity:
    return lambda network, reading: look(network, reading.at)


Quantity: TypeAlias = Callable[[NetworkFigures, Reading], Value]

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "macs": _macs,
        "mac_share": _mac_share,
        "params": lambda network, reading: (
            params_of(network.part(reading.at)) if reading.at else network.params
        ),
        "weights": _weights,
        "activations": lambda network, reading: _activations(network),
        "activations_with_pools": _activations_with_pools,
        "weight_share": _weight_share,
        "arena_int8": lambda network, _: _arena(network, depthwise_in_place=False),
        "arena_int8_in_place": lambda network, _: _arena(network, depthwise_in_place=True),
        "map_16bit": _map_bytes,
        "map_16bit_on_input": _map_bytes_on_input,
        "layers": _layers,
        **{name: _of_structure(look) for name, look in STRUCTURE.items()},
    }
)
