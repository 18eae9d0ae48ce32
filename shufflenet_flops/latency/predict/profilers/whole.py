"""Engines that tell no kernel's time: whole networks are timed (see `shares`)."""

from __future__ import annotations

from functools import lru_cache

from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import Call, EngineError, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.predict.kernels import ACTIVATIONS, Fusion
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers.eager import built
from shufflenet_flops.latency.predict.profilers.protocol import Profile, Profiler, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s
from shufflenet_flops.sources.torch_modules.imports import one_line

_PREPARED = 16  # networks that are ready to run, as many as are timed in turn


class WholeProfiler(Profiler):
    """What `latency` times of the same engine, as the module that torch has of the network."""

    tells_kernels = False

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The least time of a call by the thread's own clock, and no parts of it.

        Raises EngineError for a network that the engine does not take.
        """
        return Profile(least_s(_prepared(self.name, network, setup), repeats), {})


@profiler
class NcnnProfiler(WholeProfiler):
    """Batch norms are folded into convolutions, simple activations within them."""

    name = "ncnn"
    fusion = Fusion(
        norm=True,
        activations=frozenset({"relu", "relu6", "leaky_relu", "sigmoid", "hardswish"}),
        attention=True,
    )


@profiler
class CompiledProfiler(WholeProfiler):
    """What goes element by element is one loop, which follows on a convolution."""

    name = "torch-compile"
    fusion = Fusion(
        norm=True, activations=frozenset(ACTIVATIONS[1:]), addition=True, attention=True
    )


@profiler
class ExecuTorchProfiler(WholeProfiler):
    """XNNPACK folds batch norms into convolutions, and clamps their output."""

    name = "executorch"
    fusion = Fusion(norm=True, activations=frozenset({"relu", "relu6"}))


@lru_cache(maxsize=_PREPARED)
def _prepared(engine: str, network: RandomNetwork, setup: Setup) -> Call:
    """A call of the network: to convert it takes longer than to time it."""
    import torch

    module, x = built(network)
    try:
        with quiet(), torch.inference_mode():
            call = find_engine(engine).prepare(module, (x,), setup)
            call()
    except EngineError:
        raise
    except Exception as error:  # whatever a converter raises
        raise EngineError(one_line(error)) from error
    return call
