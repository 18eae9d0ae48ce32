"""Copies of a user's module that anything may be done to."""

from __future__ import annotations

import copy
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

# Of which `torch.library` makes ops, though it does not export it to type checkers.
_CUSTOM_OP: type = vars(torch.library)["CustomOpDef"]


def copied(model: nn.Module) -> nn.Module:
    """A deep copy of `model`, also where it holds tensors that were worked out with gradients.

    Pruning, weight norm and spectral norm keep such a weight among a module's attributes, and
    torch copies none of them. The copy has its values, without their history, which a copy of a
    scripted module would have too. Functions that it holds, wherever, see the copy's modules and
    parameters where they saw the model's.
    """
    known = clones([list(vars(module).values()) for module in model.modules()])
    functions = _functions_copied(model, known)
    with torch.no_grad():
        twin = copy.deepcopy(model, known)
        for function in functions:
            _complete(function, known)
    for module in twin.modules():
        _with_functions(vars(module), known)
    for param, own in zip(twin.parameters(), model.parameters(), strict=True):
        param.requires_grad_(own.requires_grad)
    return twin


def clones(values: Any) -> dict[int, Any]:
    """Copies of those tensors in nested lists, tuples and dicts that torch cannot copy, by `id`.

    Which are those with a history, of a compressed sparse layout, and of a class that does not say
    how. They are what `copy.deepcopy` takes for copied already.
    """
    return {
        id(tensor): tensor.detach().clone()
        for tensor in tensors_of(values)
        if not tensor.is_leaf
        or tensor.layout not in (torch.strided, torch.sparse_coo)
        or not (type(tensor) is Tensor or isinstance(tensor, nn.Parameter))
    }


def _functions_copied(model: nn.Module, known: dict[int, Any]) -> list[FunctionType]:
    """Note copies of functions that see what is the model's, which `deepcopy` leaves as they are.

    Gives those functions. What they see goes into their copies once the model is copied. A custom
    op stands for its own copy, as there is one of each in a process.
    """
    modules = set(model.modules())
    own = {*map(id, modules), *map(id, model.parameters()), *map(id, model.buffers())}
    seen: set[int] = set(map(id, modules))
    held = [value for module in modules for value in _within(list(vars(module).values()), seen)]
    known.update((id(value), value) for value in held if isinstance(value, _CUSTOM_OP))
    seeing = [
        value
        for value in held
        if isinstance(value, FunctionType)
        and any(id(item) in own for item in _within(_seen_by(value), set()))
    ]
    cells: dict[int, CellType] = {}  # two functions may share a variable
    for function in seeing:
        known[id(function)] = _twin(function, cells)
    return seeing


def _within(values: Iterable[Any], seen: set[int]) -> Iterator[Any]:
    """Everything that these hold, and what that holds; not what is in modules and tensors."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if id(value) in seen and not isinstance(value, nn.Module):
            continue
        yield value
        seen.add(id(value))
        if isinstance(value, list | tuple | set | frozenset | deque):
            pending.extend(value)
        elif isinstance(value, Mapping):
            pending.extend(value.values())
        elif isinstance(value, FunctionType):
            pending.extend(_seen_by(value))
        elif isinstance(value, partial):
            pending += [value.func, value.args, value.keywords]
        elif isinstance(value, MethodType):
            pending += [value.__self__, value.__func__]
        elif not isinstance(value, nn.Module | Tensor | type | ModuleType | _CUSTOM_OP):
            pending.extend(getattr(value, "__dict__", {}).values())


def _seen_by(function: FunctionType) -> list[Any]:
    """What a function sees besides the variables of its Python module."""
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    return [*cells, function.__defaults__, function.__kwdefaults__]


def _is_filled(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _twin(function: FunctionType, cells: dict[int, CellType]) -> FunctionType:
    """A copy that sees nothing yet."""
    closure = tuple(cells.setdefault(id(cell), CellType()) for cell in function.__closure__ or ())
    twin = FunctionType(
        function.__code__, function.__globals__, function.__name__, None, closure or None
    )
    vars(twin).update(vars(function))
    return twin


def _complete(function: FunctionType, known: dict[int, Any]) -> None:
    """Let the copy of a function see copies of what the function sees."""
    twin = known[id(function)]
    twin.__defaults__ = _copy_of(function.__defaults__, known)
    twin.__kwdefaults__ = _copy_of(function.__kwdefaults__, known)
    for cell, other in zip(function.__closure__ or (), twin.__closure__ or (), strict=True):
        if _is_filled(cell) and not _is_filled(other):
            other.cell_contents = _copy_of(cell.cell_contents, known)


def _copy_of(value: Any, known: dict[int, Any]) -> Any:
    """A deep copy, or the value itself where it has none, as what waits for a lock."""
    try:
        return copy.deepcopy(value, known)
    except Exception:  # whatever a user's class raises
        return value


def _with_functions(holder: Any, known: Mapping[int, Any]) -> None:
    """Bound methods of functions that were copied: `deepcopy` binds the function as it was."""
    for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        if isinstance(value, MethodType) and id(value.__func__) in known:
            holder[key] = MethodType(known[id(value.__func__)], value.__self__)
        elif type(value) in (dict, list, OrderedDict):
            _with_functions(value, known)


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_of(item)
    elif isinstance(value, Mapping):
        yield from tensors_of(list(value.values()))
