"""FLOP counters that people use, each behind one protocol and with its cost model.

A counter is one file here that registers a class with `@counter`.
"""

from shufflenet_flops.counters.protocol import Counter as Counter
from shufflenet_flops.counters.protocol import CounterReport as CounterReport
from shufflenet_flops.counters.protocol import CounterTotal as CounterTotal
from shufflenet_flops.counters.registry import all_counters as all_counters
from shufflenet_flops.counters.registry import compared_counters as compared_counters
