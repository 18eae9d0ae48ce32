"""PyTorch eager and channels-last: each module's own time, by the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Literal

from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.kernels import Fusion
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers.protocol import Profile, Profiler, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s, runs

if TYPE_CHECKING:
    from torch import Tensor, nn

_LEAST_S = 1e-7  # that a module takes


@profiler
class EagerProfiler(Profiler):
    """Every op is a kernel of its own, attention one as a whole."""

    name = "eager"
    fusion = Fusion(attention=True)
    layout: ClassVar[Literal["contiguous_format", "channels_last"]] = "contiguous_format"

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The least time of a call by the thread's own clock, and the median of each module.

        What it costs to ask the clock is taken off all modules alike.
        """
        import torch

        from shufflenet_flops.latency.engines.channels_last import in_layout
        from shufflenet_flops.latency.roofline import own_times

        torch.set_num_threads(setup.threads)
        module, x = built(network)
        layout = getattr(torch, self.layout)
        module = in_layout(module, layout)
        x = x.contiguous(memory_format=layout)
        with torch.inference_mode():
            whole = least_s(lambda: module(x), repeats)
        times = own_times(module, (x,), time.thread_time, runs(whole, repeats))
        added = max(0.0, sum(times.values()) - whole) / len(times)
        parts = {
            path: max(seconds - added, _LEAST_S) for path, seconds in times.items() if path in paths
        }
        return Profile(whole, parts)


def built(network: RandomNetwork) -> tuple[nn.Module, Tensor]:
    """The module of a network, in eval mode, and an input, both random and always the same."""
    import torch

    from shufflenet_flops.build import build

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return build(network.spec).eval(), torch.randn(network.input)


@profiler
class ChannelsLastProfiler(EagerProfiler):
    """Weights and input in torch's `channels_last` memory format."""

    name = "channels-last"
    layout = "channels_last"
