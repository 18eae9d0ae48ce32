"""FLOP counters that people use, each behind one protocol and with its fingerprint."""

from shufflenet_flops.measure.counters.fvcore import Fvcore
from shufflenet_flops.measure.counters.profiler import TorchProfiler
from shufflenet_flops.measure.counters.protocol import Counter as Counter
from shufflenet_flops.measure.counters.protocol import CounterReport as CounterReport
from shufflenet_flops.measure.counters.protocol import Reading as Reading
from shufflenet_flops.measure.counters.protocol import run as run
from shufflenet_flops.measure.counters.ptflops import (
    PTFLOPS_ATEN,
    PTFLOPS_MODULES,
    PTFLOPS_PYTORCH,
)
from shufflenet_flops.measure.counters.thop import Thop
from shufflenet_flops.measure.counters.torch_flops import TorchFlops
from shufflenet_flops.measure.counters.torchinfo import Torchinfo
from shufflenet_flops.measure.counters.torchprofile import Torchprofile

# `compare` runs those that are always installed, `explain` all.
COUNTERS: tuple[Counter, ...] = (TorchFlops(), Fvcore(), Thop())
ALL_COUNTERS: tuple[Counter, ...] = (
    *COUNTERS,
    PTFLOPS_ATEN,
    PTFLOPS_PYTORCH,
    PTFLOPS_MODULES,
    Torchinfo(),
    Torchprofile(),
    TorchProfiler(),
)
