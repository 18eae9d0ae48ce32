"""A trace leaves no tensor without values in anything that a model keeps."""

from __future__ import annotations

import sys
import threading
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Iterator
from ctypes import py_object
from enum import Enum
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.trace import trace
from tests.support.caching import ELSEWHERE, PLACES, VALUES, Model, forget_all


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    forget_all()
    yield
    forget_all()


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
