"""FLOP counters that people use, each behind one protocol and with its fingerprint."""

from shufflenet_flops.counters.fvcore import Fvcore
from shufflenet_flops.counters.profiler import TorchProfiler
from shufflenet_flops.counters.protocol import Counter as Counter
from shufflenet_flops.counters.protocol import CounterReport as CounterReport
from shufflenet_flops.counters.protocol import Reading as Reading
from shufflenet_flops.counters.protocol import run as run
from shufflenet_flops.counters.ptflops import (
    PTFLOPS_ATEN,
    PTFLOPS_MODULES,
    PTFLOPS_PYTORCH,
)
from shufflenet_flops.counters.thop import Thop
from shufflenet_flops.counters.torch_flops import TorchFlops
from shufflenet_flops.counters.torchinfo import Torchinfo
from shufflenet_flops.counters.torchprofile import Torchprofile

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
