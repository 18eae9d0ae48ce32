"""A trace leaves no tensor without values in anything that a model keeps."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from argparse import Namespace
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from ctypes import py_object
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property, lru_cache, partial
from importlib.machinery import ModuleSpec
from itertools import repeat
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.trace import trace

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


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    global KEPT
    KEPT = None
    VARIABLES.clear()
    LISTS.clear()
    Named.kept = None
    yield
    sys.modules.pop("kept_in_modules", None)
    sys.modules.pop(ELSEWHERE, None)
    for owner, name in ((nn.Linear, "kept"), (Colour.RED, "kept"), (json, "kept_by_a_test")):
        if name in vars(owner):
            delattr(owner, name)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_the_model_gives_what_it_gave(place: str, value: str) -> None:
    """On an input that it has not seen, as a model that was never traced; twice the same trace."""
    x, other = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    model = Model(PLACES[place](), VALUES[value])
    first = trace(model, x)
    second = trace(model, x)
    given = model(other)

    kept = VALUES[value](other, model.layer)
    torch.testing.assert_close(given, model.layer(other * kept))
    assert first.table.macs == second.table.macs == 2 * 5 * 8 * 8


class Makes(OrderedDict[str, Any]):
    """Gives an instance of the class that it holds (transformers keeps its activations so)."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key)()

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        super().__setitem__("last set", value)


class Shouts(list[Any]):
    def __iter__(self) -> Any:
        return (str(item).upper() for item in super().__iter__())


MAKES = Makes()
MAKES["relu"] = nn.ReLU
SHOUTS = Shouts(["quiet"])


def test_a_container_that_gives_something_else_than_it_holds_is_put_back_as_it_was() -> None:
    class Activated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            OrderedDict.__setitem__(MAKES, "kept", x)
            SHOUTS.append(x)
            return MAKES["relu"](x)  # type: ignore[no-any-return] # of a class of its own

    before = list(OrderedDict.items(MAKES))
    trace(Activated(), torch.ones(2, 3))
    assert list(OrderedDict.items(MAKES)) == before
    assert list.__repr__(SHOUTS) == "['quiet']"


def test_a_module_that_is_imported_in_forward_is_made_for_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tensors have values afterwards, and what made them is no part of the count."""
    (tmp_path / "imported_in_forward.py").write_text(
        "import torch\n"
        "BIG = torch.arange(3_000_000).float().cos()\n"
        "LAYER = torch.nn.Linear(8, 8)\n"
        "PRODUCT = LAYER.weight @ LAYER.weight\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "imported_in_forward", raising=False)
    finders = list(sys.meta_path)

    class Imports(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            import imported_in_forward as made

            y: Tensor = made.LAYER(x) * made.BIG[:8]
            return y

    model = Imports()
    assert [trace(model, torch.ones(2, 8)).table.macs for _ in range(2)] == [2 * 8 * 8] * 2
    made = sys.modules["imported_in_forward"]
    assert sys.meta_path == finders
    assert "exec_module" not in vars(made.__loader__)
    assert made.PRODUCT.requires_grad
    torch.testing.assert_close(model(torch.ones(2, 8)), made.LAYER(torch.ones(2, 8)) * made.BIG[:8])


def test_a_variable_of_c_is_there_afterwards() -> None:
    """It holds nothing again."""
    module = ModuleType(ELSEWHERE)
    module.__spec__ = ModuleSpec(ELSEWHERE, None)
    held = vars(module)["held"] = py_object(None)
    sys.modules[ELSEWHERE] = module

    class Holds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            sys.modules[ELSEWHERE].held.value = y = x + 1
            return y

    del held
    trace(Holds(), torch.ones(2, 3))
    assert sys.modules[ELSEWHERE].held.value is None


def test_a_thread_s_own_is_there_afterwards() -> None:
    """Of another Python module, where another thread's part of it stays as well."""
    module = ModuleType(ELSEWHERE)
    module.__spec__ = ModuleSpec(ELSEWHERE, None)
    vars(module)["held"] = threading.local()
    sys.modules[ELSEWHERE] = module

    class Holds(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            sys.modules[ELSEWHERE].held.y = y = x + 1
            return y

    trace(Holds(), torch.ones(2, 3))
    assert getattr(sys.modules[ELSEWHERE].held, "y", None) is None
    Holds()(torch.ones(2, 3))
    assert sys.modules[ELSEWHERE].held.y.sum() == 12


BESIDE = ModuleType("kept_beside_the_model")  # a Python module that this one imports


class Level(Enum):
    """Of another Python module, as far as the model's own tells."""

    LOW = 1


def _remembered(make: Callable[[], Tensor], names: Any) -> Tensor:
    if not hasattr(names, "kept"):
        names.kept = make()
    kept: Tensor = names.kept
    return kept


def _in_layers(make: Callable[[], Tensor], held: dict[str, Any]) -> Tensor:
    if not held:
        held["x"] = nn.ParameterList([nn.Parameter(make().detach())])
    kept: Tensor = held["x"][0]
    return kept


def _in_an_array(make: Callable[[], Tensor], held: Any) -> Tensor:
    if held[0] is None:
        held[0] = make()
    kept: Tensor = held[0]
    return kept


@pytest.mark.parametrize(
    ("held", "keep"),
    [
        (Namespace(), _remembered),
        (Level.LOW, _remembered),
        ({}, _in_layers),
        (np.array([None], object), _in_an_array),
    ],
    ids=["names", "a constant", "layers", "an array"],
)
def test_a_module_that_the_models_own_imports(held: Any, keep: Callable[..., Tensor]) -> None:
    """What it holds is as before, though no attribute of the model leads there."""
    BESIDE.held = held  # type: ignore[attr-defined] # a variable that it gets here

    class Holds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(x)
            return y + keep(lambda: self.layer.weight.sum(0) * 2, BESIDE.held)

    model, x = Holds(), torch.ones(2, 3)
    trace(model, x)
    torch.testing.assert_close(model(x), model.layer(x) + model.layer.weight.sum(0) * 2)
