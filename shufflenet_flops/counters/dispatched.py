"""What torch dispatches, op by op and level by level: what its profiler sees.

Asked for only where the cost model leaves something over: an op under a transform of `torch.func`
is dispatched as it was called, and again at each level that works it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any

from torch import nn
from torch.profiler import ProfilerActivity, profile

from shufflenet_flops.spec import OpClass


def _product(place: int) -> Callable[[Any], int]:
    """Two FLOPs per MAC of a product whose factors are these two arguments."""

    def flops(event: Any) -> int:
        first, second = event.input_shapes[place : place + 2]
        return int(2 * prod(first) * second[-1])

    return flops


def _convolution(event: Any) -> int:
    """It gives up where the padding is a text."""
    (images, _, *sizes), weight = event.input_shapes[:2]
    strides, paddings, dilations = event.concrete_inputs[3:6]
    if not all(isinstance(numbers, list) for numbers in (strides, paddings, dilations)):
        return 0
    outputs = 1
    for size, kernel, stride, padding, dilation in zip(
        sizes, weight[2:], strides, paddings, dilations, strict=True
    ):
        outputs *= (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    return int(2 * images * outputs * prod(weight))


def _first(event: Any) -> int:
    return prod(event.input_shapes[0])


# By the op, as in `computeFlops` of torch's `profiler/util.cpp`.
_FLOPS: Mapping[str, tuple[OpClass, Callable[[Any], int]]] = MappingProxyType(
    {
        "aten::conv2d": (OpClass.CONV_MACS, _convolution),
        "aten::addmm": (OpClass.LINEAR_MACS, _product(1)),
        "aten::mm": (OpClass.MATMUL_MACS, _product(0)),
        "aten::bmm": (OpClass.MATMUL_MACS, _product(0)),
        "aten::baddbmm": (OpClass.MATMUL_MACS, _product(1)),
        "aten::add": (OpClass.ADD_ELEMENTS, _first),
        "aten::mul": (OpClass.MUL_ELEMENTS, _first),
    }
)


def dispatched(model: nn.Module, inputs: Sequence[Any]) -> list[Any]:
    """The events of one forward pass, with the shapes of their arguments."""
    with profile(activities=[ProfilerActivity.CPU], with_flops=True, record_shapes=True) as run:
        model(*inputs)
    return list(run.events() or ())


def totals(events: Iterable[Any]) -> dict[str, int]:
    """FLOPs of events by class of work, as torch's formulas have them."""
    terms = {op_class.value: 0 for op_class, _ in _FLOPS.values()}
    for event in events:
        if event.name in _FLOPS and event.input_shapes:
            op_class, flops = _FLOPS[event.name]
            terms[op_class.value] += flops(event)
    return terms


def inside(events: Iterable[Any], op: str) -> int:
    """FLOPs of what an op dispatches in its turn."""
    return sum(totals(event for event in events if op in _callers(event)).values())


def handed_over(events: Iterable[Any]) -> dict[str, int]:
    """FLOPs of ops that were handed to a mode of the model's own or to autocast, by class of work.

    They are seen beside those that are run for them.
    """
    return totals(event for event in events if _is_handed_over(event))


def _is_handed_over(event: Any) -> bool:
    """Some versions of torch note a mode itself, others what it runs."""
    inside = {child.name for child in event.cpu_children}
    return not inside.isdisjoint(("PythonDispatchMode", event.name))


def _callers(event: Any) -> Iterator[str]:
    while (event := event.cpu_parent) is not None:
        yield event.name
