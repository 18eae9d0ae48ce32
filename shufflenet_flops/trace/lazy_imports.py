"""Python modules that a forward pass imports: they run as in any import, and are not counted.

An import happens once in a process. What it makes stays, so it is made for real.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch

from shufflenet_flops.trace import torch_private


class _Finder:
    """Finds what the others find, and hides from the trace how it is executed."""

    def __init__(self, unseen: Callable[[], AbstractContextManager[Any]]) -> None:
        self._unseen = unseen

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                self._hide(spec.loader)
                return spec
        return None

    def _hide(self, loader: Any) -> None:
        execute = getattr(loader, "exec_module", None)
        if execute is None or not hasattr(loader, "__dict__") or isinstance(loader, type):
            return  # in C, as the modules that are part of Python

        def unseen(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            with torch_private.without_functions(), self._unseen(), torch.enable_grad():
                execute(module)
            gc.collect(0)  # so that it counts as there before the trace, as it stays

        loader.exec_module = unseen


@contextmanager
def imported_for_real(unseen: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Within it, modules are imported as outside of a trace, whose modes `unseen` switches off."""
    finder: Any = _Finder(unseen)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
