"""What counters with hooks make of recurrent layers and cells, from the sizes of their weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from math import prod

from shufflenet_flops.counters.cost_model import Part, torch_modules
from shufflenet_flops.counting import ModuleCall
from shufflenet_flops.spec import OpClass

RECURRENT_ELEMENTS = "recurrent_elements"  # the sums, products and biases of gates and states

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_MODULES = {
    module: gates
    for name, gates in _GATES.items()
    for module in torch_modules(f"rnn: {name} {name}Cell")
}


@dataclass(frozen=True)
class RecurrentLayer:
    """One layer of a recurrent module in one direction, or a cell.

    Its weights are (gates · hidden, inputs) and (gates · hidden, recurrent), where `recurrent` is
    the size of its state: `hidden`, or what the state is projected to. `first` reads the input.
    """

    gates: int
    inputs: int
    hidden: int
    recurrent: int
    directions: int
    bias: bool
    first: bool


StepCost = Callable[[RecurrentLayer], tuple[int, int]]  # MACs and other operations of one step


def recurrent_parts(
    calls: Iterable[ModuleCall], count: StepCost, modules: Collection[str] = frozenset(_MODULES)
) -> Iterator[Part]:
    """`count` for each layer, step and sequence of recurrent modules of exactly these types."""
    for call in calls:
        if call.module not in modules:
            continue
        positions = prod(call.output[:-1])
        counted = [count(layer) for layer in layers_of(call)]
        macs, others = (positions * sum(numbers) for numbers in zip(*counted, strict=True))
        yield Part(call.path, OpClass.LINEAR_MACS.value, macs, 1)
        if others:
            yield Part(call.path, RECURRENT_ELEMENTS, others, None)


def layers_of(call: ModuleCall) -> Iterator[RecurrentLayer]:
    """Those of a recurrent module, one after the other and in each direction."""
    gates = _MODULES[call.module]
    directions = 2 if any(name.endswith("_reverse") for name in call.params) else 1
    recurrent = call.output[-1] // directions
    for name, from_inputs in call.params.items():
        if name.startswith("weight_ih"):
            suffix = name.removeprefix("weight_ih")
            hidden = call.params[f"weight_hh{suffix}"] // (gates * recurrent)
            yield RecurrentLayer(
                gates,
                from_inputs // (gates * hidden),
                hidden,
                recurrent,
                directions,
                f"bias_ih{suffix}" in call.params,
                suffix.removesuffix("_reverse") in ("", "_l0"),
            )
