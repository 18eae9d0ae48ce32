"""The tensors in what a model returns, at which a backward pass starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import is_dataclass
from typing import Any

from torch import Tensor, nn


def outputs_of(output: Any) -> Iterator[Tensor]:
    """Tensors in what a model returns, which runs what is left to be run, as generators in it.

    They are looked for in containers, in dataclasses within each other, and in the attributes of an
    object of another class, with slots or without.
    """
    yield from _tensors_in(output, set())


def _tensors_in(value: Any, seen: set[int], *, inside: bool = False) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
        return
    if id(value) in seen or isinstance(value, nn.Module | str | bytes | type):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        parts: Iterable[Any] = list(value.values())
    elif isinstance(value, list | tuple | Set | Iterator):
        parts = value
    elif is_dataclass(value) or not inside:
        parts, inside = _attributes(value), True
    else:
        return
    for part in parts:
        yield from _tensors_in(part, seen, inside=inside)


def _attributes(value: Any) -> list[Any]:
    slots = [
        name
        for kind in type(value).__mro__
        for names in [vars(kind).get("__slots__", ())]
        for name in ([names] if isinstance(names, str) else names)
    ]
    held = [getattr(value, name) for name in slots if hasattr(value, name)]
    return [*getattr(value, "__dict__", {}).values(), *held]
