"""What a forward pass may keep outside of its modules' attributes, and how it is put back.

Everything that plainly hangs on a model is looked at before a trace: objects and containers in its
attributes, closures and attributes of functions, its classes, and the variables of the Python
modules that define them, and of those of the user's own that these import by name.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from types import CellType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

# Exactly these: what a container of another type does when it is filled again is not known.
MAPPINGS = frozenset({dict, OrderedDict, defaultdict, Counter})
SEQUENCES = frozenset({list, deque, set})
_SIZED = MAPPINGS | SEQUENCES
_MOST = 100_000  # entries: what holds more are data, which would take longer than the trace
SIMPLE = frozenset(
    {int, float, bool, str, bytes, complex, type(None), Tensor, nn.Parameter, torch.Size}
    | {torch.dtype, torch.device, slice, range, property, staticmethod, classmethod, ModuleType}
)
# Libraries that keep no tensor of a call in their own classes and variables. Who waits for an event
# or works in a pool is noted in objects of threading and concurrent: without the note he waits for
# ever.
_FOREIGN = frozenset(
    "builtins concurrent enum functools logging numpy shufflenet_flops threading torch torchvision "
    "typing".split()
)
# Containers that classes are derived from, the more special first.
_BUILT_IN: tuple[Any, ...] = (OrderedDict, dict, list, set, deque)
_DEPTH = 4  # how far below a variable of a Python module is looked


class Kept:
    """What was found, as it was; `put_back` makes it so again."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._alive: list[Any] = []  # an id is only unique among the living
        self._undo: list[Callable[[], None]] = []

    def ignore(self, values: Iterable[Any]) -> None:
        """These are somebody else's care."""
        self._seen.update(map(id, values))

    def put_back(self) -> None:
        """Make everything as it was, by identity."""
        for undo in self._undo:
            undo()

    def look_at(self, values: Iterable[Any], depth: int = 1000) -> None:
        """Remember all that changes may hide in."""
        for value in values:
            kind = value.__class__
            if kind is tuple and (not value or value[0].__class__ is int):  # sizes, mostly
                continue
            if kind in SIMPLE or depth < 0 or id(value) in self._seen:
                continue
            self._seen.add(id(value))
            self._alive.append(value)
            self._look_into(value, kind, depth - 1)

    def _look_into(self, value: Any, kind: type, depth: int) -> None:
        if kind in _SIZED and len(value) > _MOST:
            return
        if kind in MAPPINGS:
            self._undo.append(partial(_refill, value, value.copy()))
            self.look_at(list(value.values()), depth)
        elif kind in SEQUENCES:
            self._undo.append(partial(_refill, value, value.copy()))
            self.look_at(list(value), depth)
        elif isinstance(value, tuple):
            self.look_at(value, depth)
        elif kind is FunctionType:
            self._function(value, depth)
        elif kind is MethodType:
            self.look_at((value.__self__, value.__func__), depth)
        elif kind is partial:
            self.look_at((value.func, value.args, value.keywords), depth)
        elif isinstance(value, type):
            self._class(value, depth)
        elif is_users(kind):
            self._object(value, kind, depth)
        elif kind.__module__ == "numpy" and hasattr(value, "flat") and value.dtype.hasobject:
            self._undo.append(partial(_refill_array, value, value.copy()))
            self.look_at(value.ravel().tolist(), depth)
        elif hasattr(value, "__wrapped__"):
            self.look_at((value.__wrapped__,), depth)

    def _function(self, function: FunctionType, depth: int) -> None:
        if not is_users(function):
            return
        for cell in function.__closure__ or ():
            self._cell(cell, depth)
        for name in ("__defaults__", "__kwdefaults__"):
            given = getattr(function, name)
            self._undo.append(partial(_set_again, function, name, given))
            self.look_at((given,), depth)
        self.look_at((vars(function),), depth)

    def _cell(self, cell: CellType, depth: int) -> None:
        try:
            content = cell.cell_contents
        except ValueError:  # empty
            return
        if id(cell) not in self._seen:
            self._seen.add(id(cell))
            self._alive.append(cell)
            self._undo.append(partial(setattr, cell, "cell_contents", content))
            self.look_at((content,), depth)

    def _object(self, value: Any, kind: type, depth: int) -> None:
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            self._undo.append(partial(_refill, own, own.copy()))
            self.look_at(list(own.values()), depth)
        for base in kind.__mro__:
            if "__slots__" in vars(base):
                for slot in vars(base).values():
                    if isinstance(slot, MemberDescriptorType):
                        self._slot(value, slot, depth)
        if isinstance(value, _BUILT_IN):  # of a class of the user's own
            base = next(base for base in _BUILT_IN if isinstance(value, base))
            content = _content(base, value)
            self._undo.append(partial(_refill_as, base, value, content))
            self.look_at(list(content.values() if isinstance(content, dict) else content), depth)
        self.look_at((kind,), depth)

    def _slot(self, value: Any, slot: MemberDescriptorType, depth: int) -> None:
        """By the slot itself, as a class below may have something else under its name."""
        try:
            content = slot.__get__(value)
        except AttributeError:
            self._undo.append(partial(_unset, value, slot))
            return
        self._undo.append(partial(slot.__set__, value, content))
        self.look_at((content,), depth)

    def _class(self, kind: type, depth: int) -> None:
        if not is_users(kind):
            return
        for base in kind.__mro__:
            if (
                not is_users(base)
                or _root(base) in sys.stdlib_module_names
                or (base is not kind and id(base) in self._seen)
            ):
                continue
            self._seen.add(id(base))
            own = dict(vars(base))
            self._undo.append(partial(_reset_class, base, own))
            self.look_at(own.values(), depth)
            module = sys.modules.get(base.__module__)
            if module is not None:
                self._module(vars(module))

    def _module(self, variables: dict[str, Any]) -> None:
        if id(variables) not in self._seen:
            self._seen.add(id(variables))
            self._variables(variables)

    def _variables(self, variables: dict[str, Any]) -> None:
        """Of a Python module; of its classes, most of which the model is not made of, no more."""
        self._undo.append(partial(_reset, variables, variables.copy()))
        own = [value for name, value in variables.items() if not name.startswith("__")]
        self.look_at([value for value in own if not isinstance(value, type)], _DEPTH)
        for value in own:
            if isinstance(value, type) and value.__module__ == variables.get("__name__"):
                self._undo.append(partial(_reset_class, value, dict(vars(value))))
            elif isinstance(value, ModuleType) and _is_beside(value):
                self._module(vars(value))


def is_users(definition: Any) -> bool:
    """Whether a class or function is neither Python's nor of a library that keeps no results."""
    return _root(definition) not in _FOREIGN


def _is_beside(module: ModuleType) -> bool:
    """Whether a module that another imports is no library's, but of the user's own code."""
    root = module.__name__.partition(".")[0]
    if root in _FOREIGN or root in sys.stdlib_module_names:
        return False
    places = PurePath(getattr(module, "__file__", None) or "").parts
    return not _LIBRARIES.intersection(places)


_LIBRARIES = frozenset({"dist-packages", "site-packages"})


def _root(definition: Any) -> str:
    return (getattr(definition, "__module__", None) or "builtins").partition(".")[0]


def _same(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    return len(a) == len(b) and all(key in a and a[key] is value for key, value in b.items())


def _refill(container: Any, content: Any) -> None:
    if isinstance(container, Mapping):
        if _same(container, content):
            return
    elif len(container) == len(content) and all(map(_is, container, content)):
        return
    container.clear()
    container.extend(content) if hasattr(container, "extend") else container.update(content)


def _refill_array(array: Any, content: Any) -> None:
    array[...] = content


def _is(a: Any, b: Any) -> bool:
    return a is b


def _content(base: Any, container: Any) -> Any:
    """What is really in it: a class of the user's own may give something else when it is asked."""
    return dict(base.items(container)) if issubclass(base, dict) else base(base.__iter__(container))


def _refill_as(base: Any, container: Any, content: Any) -> None:
    if issubclass(base, dict) and _same(_content(base, container), content):
        return
    base.clear(container)
    if issubclass(base, dict):
        for key, value in content.items():
            base.__setitem__(container, key, value)
    else:
        (base.update if base is set else base.extend)(container, content)


def _set_again(owner: Any, name: str, value: Any) -> None:
    if getattr(owner, name) is not value:
        setattr(owner, name, value)


def _reset(variables: dict[str, Any], before: dict[str, Any]) -> None:
    """Only the names whose values changed."""
    for name in [name for name in variables if name not in before]:
        del variables[name]
    for name, value in before.items():
        if name not in variables or variables[name] is not value:
            variables[name] = value


def _reset_class(kind: type, before: Mapping[str, Any]) -> None:
    now = dict(vars(kind))
    for name in now:
        if name not in before:
            type.__delattr__(kind, name)
    for name, value in before.items():
        if name not in now or now[name] is not value:
            type.__setattr__(kind, name, value)


def _unset(value: Any, slot: MemberDescriptorType) -> None:
    with suppress(AttributeError):
        slot.__delete__(value)
