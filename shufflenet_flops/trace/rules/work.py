"""What a rule gives back, what it may ask, and how tables of rules are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shufflenet_flops.counting.row import Kind
from shufflenet_flops.spec import OpClass


class Work(NamedTuple):
    """The work of one op call; where it happened and what it moved is added by the tracer.

    `fetched` is given by ops that read only a part of their first argument: its elements.
    """

    op: str
    kind: Kind
    counts: Mapping[OpClass, int]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    groups: int | None = None
    fetched: int | None = None


def _never(tensor: Tensor) -> bool:
    return False


class Context(NamedTuple):
    """What an op's rule may ask about the call besides its arguments.

    `function` is the torch function that led to the op, `is_weight` tells parameters and buffers
    (and views of them) from activations.
    """

    function: str = ""
    is_weight: Callable[[Tensor], bool] = _never


# A rule gets the op's arguments in the order of its schema, defaults filled in, and its output
# (the first of several).
Rule = Callable[[tuple[Any, ...], Tensor, Context], Work]


def packets(names: str | Iterable[str]) -> list[Any]:
    """The aten ops of these names, in place or not, that this version of torch has."""
    names = names.split() if isinstance(names, str) else names
    found = [getattr(torch.ops.aten, each, None) for name in names for each in (name, f"{name}_")]
    return [packet for packet in found if packet is not None]


def elementwise(op: str, kind: Kind, op_class: OpClass) -> Rule:
    """A rule for one unit of work per element of the output."""

    def rule(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return Work(op, kind, {op_class: y.numel()})

    return rule


def table(names: str, kind: Kind, op_class: OpClass) -> dict[Any, Rule]:
    """Elementwise rules for many ops, each under its own name."""
    return {
        packet: elementwise(packet.__name__.strip("_"), kind, op_class) for packet in packets(names)
    }
