"""Modules built on the meta device, where a weight has no values that could be set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# What initialisers do to a weight in place, with numbers alone.
_FILLING = frozenset(
    (
        *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_, Tensor.erfinv_),
        *(Tensor.mul_, Tensor.div_, Tensor.add_, Tensor.sub_, Tensor.clamp_),
    )
)


class _Unfilled(TorchFunctionMode):
    """Leaves out what would set values: on the meta device torch works out its shapes in Python."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FILLING and args[0].is_meta and not any(_tensors(args[1:], kwargs)):
            return args[0]
        return func(*args, **(kwargs or {}))


def _tensors(args: Any, kwargs: Any) -> Iterator[bool]:
    return (isinstance(value, Tensor) for value in (*args, *(kwargs or {}).values()))


@contextmanager
def on_meta_unfilled() -> Iterator[None]:
    """What is built within is on the meta device, and is not initialised."""
    with torch.device("meta"), _Unfilled():
        yield
