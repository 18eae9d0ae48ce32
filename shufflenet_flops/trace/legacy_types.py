"""Types such as `torch.FloatTensor`, which a stand-in is one of where the real tensor would be."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace import torch_private
from shufflenet_flops.trace.devices import type_name
from shufflenet_flops.trace.kept import is_users

_REAL = type(torch.FloatTensor)


class Legacy(type):
    """Stands for one of torch's types for the time of a trace, on whose device stand-ins are."""

    real: Any
    device: torch.device

    def __instancecheck__(cls, x: Any) -> bool:
        if not isinstance(x, Tensor):
            return False
        with torch_private.without_functions():
            if not x.is_meta:
                return isinstance(x, cls.real)
            return type_name(x, cls.device) == f"{cls.__module__}.{cls.__name__}"

    def __subclasscheck__(cls, other: type) -> bool:
        return other is cls

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.real(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real, name)


_OWNERS: tuple[Any, ...] = (torch, torch.cuda)
_STAND_INS = [
    (owner, name, real, Legacy(name, (), {"real": real, "__module__": real.__module__}))
    for owner in _OWNERS
    for name, real in list(vars(owner).items())
    if isinstance(real, _REAL)
]
_BY_REAL = {real: stand_in for _, _, real, stand_in in _STAND_INS}


@contextmanager
def answered(device: torch.device, kinds: Iterable[type]) -> Iterator[None]:
    """Torch's types, and those that the modules of these classes imported, know stand-ins."""
    Legacy.device = device
    used = {kind.__module__ for kind in kinds if is_users(kind)}
    owners: list[dict[str, Any]] = [vars(sys.modules[name]) for name in used if name in sys.modules]
    taken = [
        (variables, name, value)
        for variables in owners
        for name, value in variables.items()
        if isinstance(value, _REAL)
    ]
    for owner, name, _, stand_in in _STAND_INS:
        setattr(owner, name, stand_in)
    for variables, name, value in taken:
        variables[name] = _BY_REAL.get(value, value)
    try:
        yield
    finally:
        for owner, name, real, _ in _STAND_INS:
            setattr(owner, name, real)
        for variables, name, value in taken:
            variables[name] = value
