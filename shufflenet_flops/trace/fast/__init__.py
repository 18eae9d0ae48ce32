"""Only speed: a trace is the same without this room, and SHUFFLENET_FLOPS_FAST=0 does without.

This room owns what is remembered from one trace to the next: `KNOWN`, of the whole process.
"""

from functools import partial

from shufflenet_flops.trace.fast.known_calls import KnownCalls
from shufflenet_flops.trace.fast.lowering import FUNCTIONS
from shufflenet_flops.trace.fast.module_calls import PlainCalls
from shufflenet_flops.trace.shortcuts import Shortcuts

KNOWN = KnownCalls(limit=100_000)
SHORTCUTS = Shortcuts(KNOWN.work_out, FUNCTIONS, partial(PlainCalls, KNOWN))
