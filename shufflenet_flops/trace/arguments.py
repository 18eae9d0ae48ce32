"""Arguments and results of op calls: found, changed, put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from shufflenet_flops.running.model_copy import tensors_of as tensors_of
from shufflenet_flops.trace.torch_private import arguments_of

META = torch.device("meta")


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with every tensor in it changed; lists, tuples and dicts are rebuilt."""
    if isinstance(value, Tensor):
        return change(value)
    kind = value.__class__
    if kind is tuple or kind is list:
        return kind([map_tensors(change, item) for item in value])
    if kind is dict:
        return {key: map_tensors(change, item) for key, item in value.items()}
    if kind is PackedSequence:  # which insists on lengths with values on the CPU
        return PackedSequence(change(value.data), *value[1:])
    if hasattr(value, "_fields"):  # a named tuple
        return kind(*(map_tensors(change, item) for item in value))
    return value


def new_tensors(out: Any, given: Any) -> list[Tensor]:
    """The tensors in what a call gave, but for those that were `given` to it."""
    known = set(map(id, tensors_of(given)))
    return [x for x in tensors_of(out) if id(x) not in known]


def exhaust(output: Any) -> None:
    """Run what a forward pass left to be run, as generators in what it returned."""
    if isinstance(output, list | tuple):
        for item in output:
            exhaust(item)
    elif isinstance(output, Mapping):
        exhaust(list(output.values()))
    elif isinstance(output, Iterator):
        for item in output:
            exhaust(item)


def own_arguments(out: Any, stand_ins: Sequence[Any], args: Sequence[Any]) -> Any:
    """What a call gave on stand-ins, as on the arguments that they stand for, in the same order.

    An op in place gives an argument back, which is the caller's own.
    """
    for stand_in, arg in zip(stand_ins, args, strict=False):  # a device may be added at the end
        if out is stand_in:
            return arg
    if isinstance(out, tuple | list):
        parts = [own_arguments(part, stand_ins, args) for part in out]
        return parts if isinstance(out, list) else tuple(parts)
    return out


def in_order(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """All arguments in the order of the op's schema."""
    rest = arguments_of(func)[len(args) :]
    return (*args, *(kwargs.get(name, default) for name, default in rest))


def op_name(func: Any) -> str:
    """An op's bare name; that of a library other than torch's own with the library's."""
    library, _, name = str(func.overloadpacket).partition(".")
    return name if library in ("aten", "prims", "prim") else f"{library}.{name}"
