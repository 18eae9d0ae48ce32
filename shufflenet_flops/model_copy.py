"""Copies of a user's module that anything may be done to."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import CellType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn


def copied(model: nn.Module) -> nn.Module:
    """A deep copy of `model`, also where it holds tensors that were worked out with gradients.

    Pruning, weight norm and spectral norm keep such a weight among a module's attributes, and
    torch copies none of them. The copy has its values, without their history, which a copy of a
    scripted module would have too. Functions in attributes and hooks refer to the copy's modules
    where they referred to the model's.
    """
    known: dict[int, Any] = {
        id(tensor): tensor.detach().clone()
        for module in model.modules()
        for tensor in tensors_of(list(vars(module).values()))
        if not tensor.is_leaf
    }
    cells = _functions_copied(model, known)
    with torch.no_grad():
        twin = copy.deepcopy(model, known)
        for cell, empty in cells:
            empty.cell_contents = copy.deepcopy(cell.cell_contents, known)
    for param, own in zip(twin.parameters(), model.parameters(), strict=True):
        param.requires_grad_(own.requires_grad)
    return twin


def _functions_copied(model: nn.Module, known: dict[int, Any]) -> list[tuple[CellType, CellType]]:
    """Note copies of functions that see modules of the model, which `deepcopy` leaves as they are.

    Gives each cell that they see a module through, and that of the copy, which is empty.
    """
    modules = set(model.modules())
    cells: dict[int, tuple[CellType, CellType]] = {}
    for module in modules:
        for function in _functions_of(vars(module).values()):
            own = [cell for cell in function.__closure__ or () if _holds(cell, modules)]
            if own and id(function) not in known:
                cells.update(
                    (id(cell), (cell, CellType())) for cell in own if id(cell) not in cells
                )
                known[id(function)] = _with_cells(function, cells)
    return list(cells.values())


def _functions_of(values: Any) -> Iterator[FunctionType]:
    """The functions among attributes, and in dictionaries among them, as those of hooks."""
    for value in values:
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, dict):
            yield from (item for item in value.values() if isinstance(item, FunctionType))


def _holds(cell: CellType, modules: set[nn.Module]) -> bool:
    try:
        return isinstance(cell.cell_contents, nn.Module) and cell.cell_contents in modules
    except ValueError:  # empty
        return False


def _with_cells(
    function: FunctionType, cells: Mapping[int, tuple[CellType, CellType]]
) -> FunctionType:
    closure = tuple(cells.get(id(cell), (cell, cell))[1] for cell in function.__closure__ or ())
    twin = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        closure,
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    vars(twin).update(vars(function))
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
