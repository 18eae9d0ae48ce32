"""The ops of TorchScript's graph of a model, for counters that go by it.

Asked for only where a cost model leaves something over. A transform of `torch.func` is worked out
before TorchScript looks: its graph has ops that nobody called, under names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import nn

from shufflenet_flops.spec import OpClass

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ScriptedOp:
    """An op of a graph, the shapes of its arguments (None for what is no tensor) and its result."""

    name: str
    operands: tuple[Shape | None, ...]
    output: Shape
    arguments: tuple[Any, ...]  # those with a value that the graph knows; None for others

    def operand(self, place: int) -> Shape:
        """The shape of a tensor among the arguments; of none where it is no tensor."""
        return self.operands[place] or ()


Handler = tuple[OpClass, Callable[[ScriptedOp], int]]


def graph_of(model: nn.Module, inputs: Sequence[Any]) -> Any:
    """A TorchScript trace of the model."""
    import torch

    from shufflenet_flops.running.own_thread import in_own_thread

    jit: Any = torch.jit  # of which this is private, untyped, and what these counters count on
    graph, _ = in_own_thread(lambda: jit._get_trace_graph(model, tuple(inputs)))
    return graph


def nodes_of(model: nn.Module, inputs: Sequence[Any]) -> Iterator[ScriptedOp]:
    """All ops of a TorchScript trace, as counters take it."""
    for node in graph_of(model, inputs).nodes():
        given = list(node.inputs())
        result = next(map(_shape, node.outputs()), None)
        if node.kind().startswith("aten::") and result is not None:
            values = (value.toIValue() if _shape(value) is None else None for value in given)
            yield ScriptedOp(node.kind()[6:], tuple(map(_shape, given)), result, tuple(values))


def totals(
    model: nn.Module, inputs: Sequence[Any], handlers: Mapping[str, Handler]
) -> dict[str, int]:
    """What these make of the graph, by class of work."""
    terms = {op_class.value: 0 for op_class, _ in handlers.values()}
    for op in nodes_of(model, inputs):
        if op.name in handlers:
            op_class, count = handlers[op.name]
            terms[op_class.value] += count(op)
    return terms


def product(place: int) -> Callable[[ScriptedOp], int]:
    """MACs of a product whose first factor is the argument at `place`."""
    return lambda op: prod(op.output) * op.operand(place)[-1]


def _shape(value: Any) -> Shape | None:
    kind = value.type()
    sizes = kind.sizes() if kind.kind() == "TensorType" else None
    return None if sizes is None else tuple(sizes)
