"""A directory of user code to import from, and libraries that this torch does not match."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.torchvision_ops import declare

# An op that nobody else has a rule for; it lives as long as its library.
USERS_OPS = torch.library.Library("users", "DEF")
USERS_OPS.define("odd(Tensor x) -> Tensor")
USERS_OPS.impl("odd", torch.clone, "CompositeExplicitAutograd")

USERS_MODELS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8, name=""):
        super().__init__()
        self.name = name
        self.conv = nn.Conv2d(3, width, 3)
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 4)

    def forward(self, x, mask, scale=None):
        y = self.fc(x) * mask.to(x.dtype)[..., None]
        return y if scale is None else y * scale


class ByName(nn.Module):
    def forward(self, *, x):
        return x


class Odd(nn.Module):
    def forward(self, x):
        return torch.ops.users.odd(x)


net = Net()
number = 3


def raising():
    raise ValueError("no luck\\nat all")


def leaving():
    raise SystemExit(3)


def nothing():
    return None


def by_name():
    return {"mask": torch.ones(1, 7), "x": torch.zeros(1, 7, 16)}


def misnamed():
    return {"image": torch.zeros(1, 7, 16)}


def one():
    return torch.zeros(2, 3, 32, 32)


def pair():
    return [torch.zeros(1, 7, 16), torch.ones(1, 7)]


def none():
    return ()
"""


@pytest.fixture
def user_code(tmp_path: Path) -> Iterator[Path]:
    """A directory with a module `users_models` and one that cannot be imported."""
    (tmp_path / "users_models.py").write_text(USERS_MODELS)
    (tmp_path / "broken_models.py").write_text("import users_models, no_such_package\n")
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in ("users_models", "broken_models"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


@pytest.fixture(scope="session")
def torchvision_ops() -> None:
    """Make torchvision importable where its compiled ops do not fit torch, as on the CPU wheel."""
    declare()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection is a failure."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
