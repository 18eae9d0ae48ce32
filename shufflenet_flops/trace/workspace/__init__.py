"""Memory that kernels of the CPU take while they run, and give back: by kernel, with its name.

What is written here is what torch's kernels ask the allocator for in eager mode on one thread. It
is no part of a tensor's life, and another version, processor or number of threads has others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from shufflenet_flops.peak.timeline import Term
from shufflenet_flops.trace.workspace import convolution, elements, layers, products, recurrent

# A rule gets an op's arguments as it was called, and its result.
Rule = Callable[[tuple[Any, ...], Any], tuple[Term, ...]]

RULES: Mapping[Any, Rule] = MappingProxyType(
    convolution.RULES | layers.RULES | elements.RULES | products.RULES | recurrent.RULES
)
