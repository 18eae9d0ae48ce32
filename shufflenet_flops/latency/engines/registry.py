"""The engines by name: each enters itself."""

from __future__ import annotations

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.latency.engines.protocol import Engine

_ENGINES: dict[str, type[Engine]] = {}


def engine(cls: type[Engine]) -> type[Engine]:
    """Register an engine under its name. Raises ValueError where the name is taken."""
    if cls.name in _ENGINES:
        raise ValueError(f"there already is an engine named {cls.name!r}")
    _ENGINES[cls.name] = cls
    return cls


def engine_names() -> tuple[str, ...]:
    """All names, in the order of the engines' `place`, then of the alphabet."""
    return tuple(sorted(_ENGINES, key=lambda name: (_ENGINES[name].place, name)))


def find_engine(name: str) -> Engine:
    """The engine of this name, installed or not. Raises UnknownNameError with the closest names."""
    if name not in _ENGINES:
        raise UnknownNameError("engine", name, engine_names())
    return _ENGINES[name]()
