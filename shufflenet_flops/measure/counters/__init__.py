"""FLOP counters that people use, each behind one protocol and with its fingerprint."""

from shufflenet_flops.measure.counters.fvcore import Fvcore
from shufflenet_flops.measure.counters.protocol import Counter as Counter
from shufflenet_flops.measure.counters.protocol import CounterReport as CounterReport
from shufflenet_flops.measure.counters.protocol import Reading as Reading
from shufflenet_flops.measure.counters.protocol import run as run
from shufflenet_flops.measure.counters.thop import Thop
from shufflenet_flops.measure.counters.torch_flops import TorchFlops

COUNTERS: tuple[Counter, ...] = (TorchFlops(), Fvcore(), Thop())
