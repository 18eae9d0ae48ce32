"""Copies of a user's module that anything may be done to."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def copied(model: nn.Module) -> nn.Module:
    """A deep copy of `model`, also where it holds tensors that were worked out with gradients.

    Pruning, weight norm and spectral norm keep such a weight among a module's attributes, and
    torch copies none of them. The copy has its values, without their history, which a copy of a
    scripted module would have too.
    """
    worked_out = {
        id(tensor): tensor.detach().clone()
        for module in model.modules()
        for tensor in tensors_of(list(vars(module).values()))
        if not tensor.is_leaf
    }
    with torch.no_grad():
        twin = copy.deepcopy(model, worked_out)
    for param, own in zip(twin.parameters(), model.parameters(), strict=True):
        param.requires_grad_(own.requires_grad)
    return twin


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_of(item)
    elif isinstance(value, Mapping):
        yield from tensors_of(list(value.values()))
