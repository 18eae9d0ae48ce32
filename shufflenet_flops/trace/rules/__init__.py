"""What each aten op does, from the shapes it was called with.

This side knows nothing of the spec: every formula here is written again, from torch's semantics,
so that agreement with the analytic table is evidence. An op is in `RULES`, or known to be `FREE`,
or unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shufflenet_flops.trace.rules import elements, layers, macs
from shufflenet_flops.trace.rules.free import FREE as FREE
from shufflenet_flops.trace.rules.work import Context as Context
from shufflenet_flops.trace.rules.work import Rule as Rule
from shufflenet_flops.trace.rules.work import Work as Work

RULES: Mapping[Any, Rule] = MappingProxyType(macs.RULES | layers.RULES | elements.RULES)
