"""Where `trace`, `build` and `explain` were before, for scripts that import them from here."""

import sys
from importlib import import_module

from shufflenet_flops.build import build as build
from shufflenet_flops.trace import Trace as Trace
from shufflenet_flops.trace import trace as trace

# So that `shufflenet_flops.measure.explain` is found once this module has run.
sys.modules[f"{__name__}.explain"] = import_module("shufflenet_flops.counters.explain")
