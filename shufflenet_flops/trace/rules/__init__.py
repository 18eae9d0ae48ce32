"""What each aten op does, from the shapes it was called with.

This side knows nothing of the spec: every formula here is written again, from torch's semantics,
so that agreement with the analytic table is evidence. An op has a formula, or is known to be
`FREE`, or is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shufflenet_flops.counting.op_classes import ops_of
from shufflenet_flops.trace.rules import backward, elements, layers, macs
from shufflenet_flops.trace.rules.work import Context as Context
from shufflenet_flops.trace.rules.work import Formula as Formula
from shufflenet_flops.trace.rules.work import packets

FORMULAS: Mapping[Any, Formula] = MappingProxyType(
    macs.FORMULAS | elements.FORMULAS | layers.FORMULAS | backward.FORMULAS
)
FREE = frozenset(packets(ops_of(None)))
