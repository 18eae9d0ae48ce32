"""What a formula may ask about a call, and how tables of formulas are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shufflenet_flops.counting.op_classes import Work, work_of


def _never(tensor: Tensor) -> bool:
    return False


class Context(NamedTuple):
    """What an op's formula may ask about the call besides its arguments.

    `function` is the torch function that led to the op, `is_weight` tells parameters and buffers
    (and views of them) from activations.
    """

    function: str = ""
    is_weight: Callable[[Tensor], bool] = _never


# A formula gets the op's arguments in the order of its schema, defaults filled in, and its output
# (the first of several).
Formula = Callable[[tuple[Any, ...], Tensor, Context], Work]


def packets(names: str | Iterable[str]) -> list[Any]:
    """The aten ops of these names, in place or not, that this version of torch has."""
    names = names.split() if isinstance(names, str) else names
    spellings = [spelling for name in names for spelling in (name, f"{name}_")]
    ops = [getattr(torch.ops.aten, spelling, None) for spelling in spellings]
    return [packet for packet in ops if packet is not None]


def per_output(op: str) -> Formula:
    """One unit of work per element of the output."""

    def formula(args: tuple[Any, ...], y: Tensor, context: Context) -> Work:
        return work_of(op, y.numel())

    return formula


def formulas(names: str | Iterable[str], formula: Formula) -> dict[Any, Formula]:
    """One formula for many ops."""
    return dict.fromkeys(packets(names), formula)


def by_name(names: Iterable[str], make: Callable[[str], Formula]) -> dict[Any, Formula]:
    """For each op, in place or not, the formula that `make` gives for its name."""
    return {
        packet: formula
        for name in names
        for packet, formula in formulas([name], make(name)).items()
    }
