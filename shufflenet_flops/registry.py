"""Things that register themselves by name: a file in their package is all that a new one takes."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """What the modules of one package register, by name; they are imported on first use."""

    def __init__(self, what: str, package: str) -> None:
        self._what = what
        self._package = package
        self._entries: dict[str, T] = {}
        self._is_loaded = False

    def add(self, name: str, entry: T) -> None:
        """Register `entry`. Raises ValueError for a name that is taken."""
        if name in self._entries:
            raise ValueError(f"{name!r} is the name of two {self._what}: rename one")
        self._entries[name] = entry

    def entries(self) -> Mapping[str, T]:
        """All entries by name, after every module of the package was imported."""
        if not self._is_loaded:
            for module in pkgutil.iter_modules(import_module(self._package).__path__):
                import_module(f"{self._package}.{module.name}")
            self._is_loaded = True
        return MappingProxyType(self._entries)
