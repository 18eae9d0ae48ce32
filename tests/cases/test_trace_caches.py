"""A trace leaves no tensor without values in anything that a model keeps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache, lru_cache, partial
from types import SimpleNamespace
from typing import Any

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


def in_attribute(owner: Any, name: str = "kept") -> Keep:
    def keep(make: Callable[[], Tensor]) -> Tensor:
        if getattr(owner, name, None) is None:
            setattr(owner, name, make())
        value: Tensor = getattr(owner, name)
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


PLACES: dict[str, Callable[[], Keep]] = {
    "an object": lambda: in_attribute(Plain()),
    "a namespace": lambda: in_attribute(SimpleNamespace(kept=None)),
    "a slot": lambda: in_attribute(Slotted()),
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
    "a variable": lambda: in_variable,
    "a dictionary of the module": lambda: in_mapping(VARIABLES),
    "a list of the module": lambda: in_list(LISTS),
    "lru_cache": lambda: in_cache(lru_cache(maxsize=4)),
    "cache": lambda: in_cache(cache),
    "a partial": lambda: partial(in_mapping({})),
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
def empty() -> None:
    global KEPT
    KEPT = None
    VARIABLES.clear()
    LISTS.clear()


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
