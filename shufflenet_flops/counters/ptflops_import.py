"""ptflops without the packages that it would import on its way, and what it is given."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def imported() -> Iterator[Any]:
    """ptflops, imported anew.

    It imports torchvision and timm, if they are installed, to know two of their classes. No model
    has one of these unless they are imported already; a torchvision that does not match torch
    would cost the counter.
    """
    hidden = [name for name in ("torchvision", "timm") if name not in sys.modules]
    known = {name: module for name, module in sys.modules.items() if _is_part(name)}
    for name in known:
        del sys.modules[name]
    modules: dict[str, Any] = sys.modules  # None in it is the documented way to make imports fail
    for name in hidden:
        modules[name] = None
    try:
        yield importlib.import_module("ptflops")
    finally:
        for name in [*hidden, *filter(_is_part, list(sys.modules))]:
            del sys.modules[name]
        sys.modules.update(known)


def _is_part(name: str) -> bool:
    return name.split(".")[0] == "ptflops"


def given(model: nn.Module, inputs: Sequence[Tensor]) -> Tensor | dict[str, Tensor]:
    """One image as it is, anything else by the names of the arguments.

    ptflops divides what its hooks find, and nothing else, by the batch of the first argument.
    """
    if len(inputs) == 1 and getattr(inputs[0], "shape", ())[:1] == (1,):
        return inputs[0]
    return dict(zip(inspect.signature(model.forward).parameters, inputs, strict=False))
