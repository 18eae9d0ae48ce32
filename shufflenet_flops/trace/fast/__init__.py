"""Only speed: a trace is the same without this room, and SHUFFLENET_FLOPS_FAST=0 does without.

This room owns what is remembered from one trace to the next: `KNOWN`, of the whole process.
"""

from shufflenet_flops.trace.fast.known_calls import KnownCalls
from shufflenet_flops.trace.fast.lowering import FUNCTIONS
from shufflenet_flops.trace.fast.module_calls import plain_call
from shufflenet_flops.trace.shortcuts import Shortcuts

KNOWN = KnownCalls(limit=100_000)
SHORTCUTS = Shortcuts(KNOWN.work_out, FUNCTIONS, plain_call)
