"""Where a model may keep a tensor of its forward pass, and a model that does."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec
from itertools import repeat
from queue import SimpleQueue
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

Keep = Callable[[Callable[[], Tensor]], Tensor]  # gives what it kept, or calls and keeps

VARIABLES: dict[str, Any] = {}
LISTS: list[Any] = []
KEPT: Tensor | None = None


class Plain:
    kept: Tensor | None = None


class Slotted:
    __slots__ = ("kept",)


class Hidden(Slotted):
    """The slot is still there, below a property that cannot be set."""

    kept = property(lambda self: None)


def in_attribute(owner: Any, name: str = "kept") -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if getattr(owner, name, None) is None:
            setattr(owner, name, make())
        value: Tensor = getattr(owner, name)
        return value

    return keep


def in_hidden_slot() -> Keep:
    owner, slot = Hidden(), vars(Slotted)["kept"]

    def keep(make: Callable[[], Tensor]) -> Tensor:
        try:
            value: Tensor = slot.__get__(owner)
        except AttributeError:
            slot.__set__(owner, value := make())
        return value

    return keep


def in_mapping(owner: Any) -> Keep:
    return lambda make: owner["kept"] if "kept" in owner else owner.setdefault("kept", make())


def in_list(owner: list[Any]) -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not owner:
            owner.append(make())
        value: Tensor = owner[0]
        return value

    return keep


def in_tuple() -> Keep:
    owner: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(make: Callable[[], Tensor]) -> Tensor:
        if "both" not in owner:
            owner["both"] = (make(), make())
        return owner["both"][1]

    return keep


def in_closure() -> Keep:
    kept: Tensor | None = None

    def keep(make: Callable[[], Tensor]) -> Tensor:
        nonlocal kept
        if kept is None:
            kept = make()
        return kept

    return keep


def in_function() -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not hasattr(keep, "kept"):
            keep.kept = make()  # type: ignore[attr-defined] # as users do
        value: Tensor = keep.kept
        return value

    return keep


def in_default() -> Keep:
    def keep(make: Callable[[], Tensor], kept: dict[str, Tensor] = {}) -> Tensor:  # noqa: B006 # as users do
        return kept["x"] if "x" in kept else kept.setdefault("x", make())

    return keep


def in_default_set() -> Keep:
    """A new default of a function that had another."""

    def keep(make: Callable[[], Tensor]) -> Tensor:
        if table() is None:
            table.__defaults__ = (make(),)
        value = table()
        assert value is not None
        return value

    def table(kept: Tensor | None = None) -> Tensor | None:
        return kept

    return keep


def in_variable(make: Callable[[], Tensor]) -> Tensor:
    global KEPT
    if KEPT is None:
        KEPT = make()
    return KEPT


def in_cache(decorate: Callable[..., Any]) -> Keep:
    made: list[Callable[[], Tensor]] = []  # what to call is no part of the key

    @decorate
    def table(size: int) -> Tensor:
        return made[-1]()

    def keep(make: Callable[[], Tensor]) -> Tensor:
        made.append(make)
        try:
            value: Tensor = table(5)
            return value
        finally:
            made.clear()

    return keep


def in_context() -> Keep:
    kept: ContextVar[Tensor | None] = ContextVar("kept", default=None)

    def keep(make: Callable[[], Tensor]) -> Tensor:
        value = kept.get()
        if value is None:
            value = make()
            kept.set(value)
        return value

    return keep


def in_generator() -> Keep:
    """A local variable of a generator that is not at its end."""
    made: list[Callable[[], Tensor]] = []

    def values() -> Iterator[Tensor]:
        kept = made[-1]()
        while True:
            yield kept

    running: dict[str, Iterator[Tensor]] = {}

    def keep(make: Callable[[], Tensor]) -> Tensor:
        made.append(make)
        return next(running.setdefault("it", values()))

    return keep


def in_set(owner: Any) -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not owner:
            owner.add(make())
        value: Tensor = next(iter(owner))
        return value

    return keep


def in_array(owner: Any) -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if owner[0] is None:
            owner[0] = make()
        value: Tensor = owner[0]
        return value

    return keep


class Lazy:
    """Made when it is asked for, once."""

    make: Callable[[], Tensor]

    @cached_property
    def kept(self) -> Tensor:
        return self.make()


def in_property() -> Keep:
    owner = Lazy()

    def keep(make: Callable[[], Tensor]) -> Tensor:
        owner.make = make
        try:
            return owner.kept
        finally:
            del owner.make

    return keep


def in_modules(make: Callable[[], Tensor]) -> Tensor:
    """A Python module that the forward pass makes, and looks for by its name."""
    if "kept_in_modules" not in sys.modules:
        module = ModuleType("kept_in_modules")
        module.kept = make()  # type: ignore[attr-defined] # as users do
        sys.modules["kept_in_modules"] = module
    value: Tensor = sys.modules["kept_in_modules"].kept
    return value


def in_library_class(make: Callable[[], Tensor]) -> Tensor:
    if "kept" not in vars(nn.Linear):
        nn.Linear.kept = make()  # type: ignore[attr-defined] # as users do
    value: Tensor = nn.Linear.kept
    return value


def in_weak_keys() -> Keep:
    key = Plain()
    owner: WeakKeyDictionary[Plain, Tensor] = WeakKeyDictionary()
    return lambda make: owner[key] if key in owner else owner.setdefault(key, make())


def in_exception() -> Keep:
    """A local variable of a call that failed, whose error is kept."""
    errors: list[ValueError] = []

    def fail(make: Callable[[], Tensor]) -> None:
        kept = make()
        raise ValueError(kept.shape)

    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not errors:
            try:
                fail(make)
            except ValueError as error:
                errors.append(error)
        at = errors[0].__traceback__
        while at is not None and at.tb_next:
            at = at.tb_next
        assert at is not None
        value: Tensor = at.tb_frame.f_locals["kept"]
        return value

    return keep


def in_made(hold: Callable[[Tensor], Callable[[], Tensor]]) -> Keep:
    """What holds the tensor is made in the forward pass."""
    owner: dict[str, Callable[[], Tensor]] = {}
    return lambda make: (owner["x"] if "x" in owner else owner.setdefault("x", hold(make())))()


def in_queue() -> Keep:
    """Of C, which the garbage collector does not look into."""
    owner: SimpleQueue[Tensor] = SimpleQueue()

    def keep(make: Callable[[], Tensor]) -> Tensor:
        value = make() if owner.empty() else owner.get()
        owner.put(value)
        return value

    return keep


class Named(type):
    """A class of classes."""

    kept: Tensor | None = None


class Kind(metaclass=Named):
    """Keeps in the class of itself."""


class Colour(Enum):
    RED = 1


def made_class(kept: Tensor) -> Callable[[], Tensor]:
    return partial(getattr, type("Made", (), {"kept": kept}), "kept")


class Callee:
    """Keeps in itself when it is called."""

    kept: Tensor | None = None

    def __call__(self, make: Callable[[], Tensor]) -> Tensor:
        if self.kept is None:
            self.kept = make()
        return self.kept

    def method(self, make: Callable[[], Tensor]) -> Tensor:
        return self(make)


def in_future() -> Keep:
    """It has no result before a pass, and one afterwards."""
    owner: Future[Tensor] = Future()

    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not owner.done():
            owner.set_result(make())
        return owner.result()

    return keep


def in_future_of_asyncio() -> Keep:
    loop = asyncio.new_event_loop()
    owner: asyncio.Future[Tensor] = loop.create_future()
    loop.close()

    def keep(make: Callable[[], Tensor]) -> Tensor:
        if not owner.done():
            owner.set_result(make())
        return owner.result()

    return keep


ELSEWHERE = "kept_elsewhere"  # a Python module that the model's own does not show


def elsewhere(
    made: Any, put: Callable[[Any, Tensor], Any], get: Callable[[Any], Tensor]
) -> Callable[[], Keep]:
    """In a variable of another Python module, in what is made of the tensor."""

    def place() -> Keep:
        module = ModuleType(ELSEWHERE)
        module.__spec__ = ModuleSpec(ELSEWHERE, None)
        vars(module)["held"] = made()
        sys.modules[ELSEWHERE] = module

        def keep(make: Callable[[], Tensor]) -> Tensor:
            held = sys.modules[ELSEWHERE].held
            if not held:
                put(held, make())
            return get(held)

        return keep

    return place


def done(result: Tensor) -> Future[Tensor]:
    future: Future[Tensor] = Future()
    future.set_result(result)
    return future


@dataclass(frozen=True)
class Frozen:
    kept: Tensor


@dataclass
class Record:
    kept: Tensor | None = None


class Pair(NamedTuple):
    held: dict[str, Tensor]


class Dict(dict[str, Any]):
    """Of a class of the user's own."""


class List(list[Any]):
    """Of a class of the user's own."""


class Inherited(Plain):
    """Keeps in its own attributes what a base declares."""


PLACES: dict[str, Callable[[], Keep]] = {
    "an object": lambda: in_attribute(Plain()),
    "a namespace": lambda: in_attribute(SimpleNamespace(kept=None)),
    "a slot": lambda: in_attribute(Slotted()),
    "a slot that is hidden": in_hidden_slot,
    "a class": lambda: in_attribute(type("Owner", (), {"kept": None, "__module__": __name__})),
    "an object in a list": lambda: in_attribute([Plain()][0]),
    "a thread's own": lambda: in_attribute(threading.local()),
    "a dictionary": lambda: in_mapping({}),
    "a dictionary in a dictionary": lambda: in_mapping({"inner": {}}["inner"]),
    "a list": lambda: in_list([]),
    "a list of lists": lambda: in_list([[]][0]),
    "a tuple": in_tuple,
    "a closure": in_closure,
    "a function": in_function,
    "a default": in_default,
    "a default that is set": in_default_set,
    "a variable": lambda: in_variable,
    "a dictionary of the module": lambda: in_mapping(VARIABLES),
    "a list of the module": lambda: in_list(LISTS),
    "lru_cache": lambda: in_cache(lru_cache(maxsize=4)),
    "cache": lambda: in_cache(cache),
    "a partial": lambda: partial(in_mapping({})),
    "a context": in_context,
    "a generator": in_generator,
    "a set": lambda: in_set(set()),
    "a deque": lambda: in_list(cast("list[Any]", deque())),
    "an ordered dictionary": lambda: in_mapping(OrderedDict()),
    "a dictionary with defaults": lambda: in_mapping(defaultdict(lambda: None)),
    "a dictionary of a class": lambda: in_mapping(Dict()),
    "a list of a class": lambda: in_list(List()),
    "a dictionary around one": lambda: in_mapping(UserDict()),
    "a list around one": lambda: in_list(cast("list[Any]", UserList())),
    "a cached property": in_property,
    "an object that is called": lambda: Callee(),
    "a bound method": lambda: Callee().method,
    "a record": lambda: in_attribute(Record()),
    "a named tuple": lambda: in_mapping(Pair({}).held),
    "an object of a derived class": lambda: in_attribute(Inherited()),
    "a Python module": lambda: in_attribute(ModuleType("kept")),
    "an array of objects": lambda: in_array(np.array([None], dtype=object)),
    "another module": lambda: in_attribute(nn.Identity()),
    "a Python module by its name": lambda: in_modules,
    "a module of Python's": lambda: in_attribute(json, "kept_by_a_test"),
    "a class of a library": lambda: in_library_class,
    "a class of classes": lambda: in_attribute(Named),
    "a member of an enumeration": lambda: in_attribute(Colour.RED, "kept"),
    "weak keys": in_weak_keys,
    "an error": in_exception,
    "a queue of C": in_queue,
    "a partial that is made": lambda: in_made(lambda kept: partial(torch.mul, kept, 1)),
    "a closure that is made": lambda: in_made(lambda kept: lambda: kept),
    "a class that is made": lambda: in_made(made_class),
    "an iterator": lambda: in_made(lambda kept: repeat(kept).__next__),
    "a view of a dictionary": lambda: in_made(
        lambda kept: partial(MappingProxyType({"x": kept}).get, "x")
    ),
    "a result with names": lambda: in_made(
        lambda kept: partial(getattr, kept.max(1, True), "values")
    ),
    "a future": in_future,
    "a future of asyncio": in_future_of_asyncio,
    "a list elsewhere": elsewhere(list, list.append, lambda held: held[0]),
    "a deque elsewhere": elsewhere(deque, deque.append, lambda held: held[0]),
    "a dictionary elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x=kept), lambda held: held["x"]
    ),
    "a dictionary that is made elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x={"y": kept}), lambda held: held["x"]["y"]
    ),
    "a list that is made elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x=[kept]), lambda held: held["x"][0]
    ),
    "an object that is made elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x=SimpleNamespace(y=kept)), lambda held: held["x"].y
    ),
    "a frozen object elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x=Frozen(kept)), lambda held: held["x"].kept
    ),
    "a future that is made elsewhere": elsewhere(
        dict, lambda held, kept: held.update(x=done(kept)), lambda held: held["x"].result()
    ),
    "an attribute of a tensor": lambda: in_attribute(torch.ones(1)),
}
VALUES: dict[str, Callable[[Tensor, nn.Linear], Tensor]] = {
    "a constant": lambda x, layer: torch.arange(x.shape[1], device=x.device).float().cos()[:, None],
    "the input's": lambda x, layer: x.mean(0)[:, :1] * 2,
    "a parameter's": lambda x, layer: layer.weight.sum(1)[:5, None].abs(),
    "written to": lambda x, layer: torch.zeros(5, 1).copy_(x[0, :, :1]),
}


class Model(nn.Module):
    def __init__(self, keep: Keep, value: Callable[[Tensor, nn.Linear], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.keep = keep
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x * self.keep(lambda: self.value(x, self.layer)))
        return y


def forget_all() -> None:
    """Of what is kept in variables, classes and Python modules."""
    global KEPT
    KEPT = None
    VARIABLES.clear()
    LISTS.clear()
    Named.kept = None
    sys.modules.pop("kept_in_modules", None)
    sys.modules.pop(ELSEWHERE, None)
    for owner, name in ((nn.Linear, "kept"), (Colour.RED, "kept"), (json, "kept_by_a_test")):
        if name in vars(owner):
            delattr(owner, name)
