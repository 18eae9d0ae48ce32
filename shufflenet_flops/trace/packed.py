"""Weights that a quantised module keeps packed, where they are no parameters of torch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.module_tree import Place


def packed_weights(places: list[Place]) -> Iterator[Tensor]:
    """Weights and biases in the packed objects of `torch.ao`'s modules, each object's once."""
    objects = {
        id(value): value
        for place in places
        # As those are that hold them, none of which is a plain layer.
        if place.leaf and not place.params and not place.type_name.startswith("torch.nn.modules.")
        for value in vars(place.module).values()
        if value.__class__ is torch.ScriptObject
    }
    for value in objects.values():
        yield from unpacked(value)


def unpacked(packed: Any) -> Iterator[Tensor]:
    """The weights and biases in one packed object, or in those that it holds."""
    if packed._has_method("unpack"):  # into a weight, and a bias or None
        yield from (part for part in packed.unpack() if isinstance(part, Tensor))
    elif packed._has_method("__getstate__"):  # of a recurrent layer, with its products' objects
        for product in objects_in(packed.__getstate__()):
            yield from unpacked(product)


def objects_in(state: Any) -> Iterator[Any]:
    """The packed objects in a nest of tuples and lists."""
    if isinstance(state, torch.ScriptObject):
        yield state
    elif isinstance(state, tuple | list):
        for part in state:
            yield from objects_in(part)
