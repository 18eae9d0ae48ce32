"""The torch side: build a spec, trace any module, run other people's counters."""

from shufflenet_flops.measure.build import build as build
from shufflenet_flops.measure.counters import COUNTERS as COUNTERS
from shufflenet_flops.measure.counters import CounterReport as CounterReport
from shufflenet_flops.measure.trace import Trace as Trace
from shufflenet_flops.measure.trace import trace as trace
