"""Engines that run a model: each is one file here, found by itself.

To import them takes neither torch nor the packages they run on: those are imported when a model is
prepared.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from shufflenet_flops.latency.engines.registry import engine_names
from shufflenet_flops.latency.engines.registry import find_engine as find_engine

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
ENGINE_NAMES = engine_names()
