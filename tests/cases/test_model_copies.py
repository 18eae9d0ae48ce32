"""A copy of a model sees nothing of the model, wherever its functions stand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.running.model_copy import copied


class Layers(nn.Module):
    """Two layers, of which a function of its own calls the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.calls: Any = None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _called(self.calls)(self.first(x))
        return y

    def helped(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(x)
        return y


def _called(held: Any) -> Any:
    """The function in what was kept."""
    while not callable(held):
        held = next(iter(held.values() if isinstance(held, dict) else held))
    return held


class Helper:
    """Plain, with a layer of the model."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y

    def __deepcopy__(self, memo: dict[int, Any]) -> Helper:
        return Helper(memo[id(self.layer)])


def closure_of(seen: Any) -> Callable[[Tensor], Tensor]:
    return lambda x: _called(seen)(x)


def default(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    def call(x: Tensor, layer: nn.Module = layer) -> Tensor:
        y: Tensor = layer(x)
        return y

    return call


def named_default(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    def call(x: Tensor, *, layers: dict[str, nn.Module] = {"layer": layer}) -> Tensor:  # noqa: B006 # as users do
        y: Tensor = layers["layer"](x)
        return y

    return call


def bound(model: Layers) -> Callable[[Tensor], Tensor]:
    second = model.second

    def call(self: Layers, x: Tensor) -> Tensor:
        y: Tensor = second(x)
        return y

    return MethodType(call, model)


def weight_of(model: Layers) -> Callable[[Tensor], Tensor]:
    weight, bias = model.second.weight, model.second.bias
    return lambda x: x @ weight.T + bias


WAYS: dict[str, Callable[[Layers], Any]] = {
    "a closure": lambda m: closure_of(m.second),
    "a closure in a list": lambda m: [closure_of(m.second)],
    "a closure in a dictionary": lambda m: {"call": closure_of(m.second)},
    "a closure in a list in a dictionary": lambda m: {"call": [closure_of(m.second)]},
    "a closure in a tuple": lambda m: (closure_of(m.second),),
    "a closure over a dictionary": lambda m: closure_of({"layer": m.second}),
    "a closure over a closure": lambda m: closure_of(closure_of(m.second)),
    "a closure over an object": lambda m: closure_of(Helper(m.second)),
    "a closure over a weight": weight_of,
    "a partial of a closure": lambda m: partial(closure_of(m.second)),
    "a partial of a bound method": lambda m: partial(m.helped),
    "a partial of a bound method in a list": lambda m: [partial(m.helped)],
    "a closure over a partial": lambda m: closure_of(partial(m.helped)),
    "a default": lambda m: default(m.second),
    "a default in a list": lambda m: [default(m.second)],
    "a default by name": lambda m: named_default(m.second),
    "a bound method": lambda m: m.helped,
    "a bound closure": bound,
    "a bound closure in a dictionary": lambda m: {"call": bound(m)},
    "an object": lambda m: Helper(m.second),
}


def _with_hook(model: Layers, hold: Callable[[Any], Any]) -> None:
    model.calls = nn.Identity()
    model.first.register_forward_hook(hold(lambda layer, given, y: model.second(y)))


HOOKS: dict[str, Callable[[Any], Any]] = {
    "a hook": lambda hook: hook,
    "a partial as a hook": lambda hook: partial(hook),
    "a hook in a closure": lambda hook: lambda *args: hook(*args),
    "a hook among others": lambda hook: lambda *args, hooks=[hook]: hooks[0](*args),
}


@pytest.mark.parametrize("way", [*WAYS, *HOOKS])
def test_the_copy_calls_its_own_layers(way: str) -> None:
    """Its layers give zeros, and the model what it gave before."""
    model = Layers()
    if way in HOOKS:
        _with_hook(model, HOOKS[way])
    else:
        model.calls = WAYS[way](model)
    x = torch.ones(1, 4)
    before = model(x)

    twin = copied(model)
    with torch.no_grad():
        for param in twin.parameters():
            param.zero_()

    assert torch.equal(twin(x), torch.zeros(1, 4))
    assert torch.equal(model(x), before)


def test_what_two_functions_share_their_copies_share() -> None:
    """One counts the calls of the other."""

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer = nn.Linear(4, 4)
            calls = 0

            def call(x: Tensor) -> Tensor:
                nonlocal calls
                calls += 1
                y: Tensor = layer(x)
                return y

            self.call, self.count = [call], lambda: (calls, layer)

        def forward(self, x: Tensor) -> Tensor:
            return self.call[0](x)

    model = Counting()
    twin: Any = copied(model)
    twin(torch.ones(1, 4))

    assert twin.count() == (1, twin.layer)
    assert model.count() == (0, model.layer)


def test_what_cannot_be_copied_stays() -> None:
    """A lock that a hook sees beside the model."""
    model = Layers()
    seen = {"lock": threading.Lock(), "layer": model.second}
    model.calls = closure_of({"call": lambda x: seen["layer"](x)})  # type: ignore[operator] # a layer

    assert torch.equal(copied(model)(torch.ones(1, 4)), model(torch.ones(1, 4)))


@torch.library.custom_op("copies::centred", mutates_args=())
def centred(x: Tensor) -> Tensor:
    """What torch calls an op, and does not copy."""
    return x - x.mean()


def test_a_custom_op_is_its_own_copy() -> None:
    """Held by a module itself, or in a dictionary of lists."""
    model = Layers()
    model.calls = {"a": [centred]}
    model.op = centred
    twin = copied(model)

    assert twin.calls == {"a": [centred]}
    assert twin.calls["a"] is not model.calls["a"]
    assert twin.op is centred
