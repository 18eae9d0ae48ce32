"""What it takes to calibrate an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.kernels import Fusion, Kernel
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.onnx_graph import onnx_model
from shufflenet_flops.latency.predict.profilers.attribution import EngineNode, seconds_by_path
from shufflenet_flops.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class GraphRun:
    """What a graph took: `seconds` a whole call, and the engine's nodes as they run."""

    seconds: float
    nodes: Sequence[EngineNode]


@dataclass(frozen=True)
class Profile:
    """What a network took: `seconds` a whole call, `parts` the engine's kernels.

    A part is named by the path of the op in the spec that it computes (see `kernels.Kernel`).
    Work that serves an op and is none itself, such as a change of layout, is in that op's time.
    `nodes` are what the engine runs by its own account, where it tells, and each one's seconds.
    """

    seconds: float
    parts: Mapping[str, float]
    nodes: tuple[tuple[Kernel, float], ...] = ()

    @property
    def gap(self) -> float:
        """How much the sum of the parts differs from the whole, as a share of it."""
        return abs(sum(self.parts.values()) / self.seconds - 1)

    def least(self, other: Profile) -> Profile:
        """The least of two profiles of one network, part by part."""
        parts = {
            path: min(seconds, other.parts.get(path, seconds))
            for path, seconds in self.parts.items()
        }
        nodes = _least_nodes(self.nodes, other.nodes)
        return Profile(min(self.seconds, other.seconds), parts, nodes)


def _least_nodes(
    nodes: Sequence[tuple[Kernel, float]], others: Sequence[tuple[Kernel, float]]
) -> tuple[tuple[Kernel, float], ...]:
    """The least time of each node; where an engine orders them anew, of nodes of the same size."""
    again: defaultdict[tuple[object, ...], list[float]] = defaultdict(list)
    for kernel, seconds in sorted(others, key=lambda timed: -timed[1]):
        again[kernel.sizes].append(seconds)
    least = list(nodes)
    for place in sorted(range(len(least)), key=lambda place: least[place][1]):
        kernel, seconds = least[place]
        if found := again[kernel.sizes]:
            least[place] = kernel, min(seconds, found.pop())
    return tuple(least)


class Profiler(ABC):
    """One engine: its name, what it fuses, and a way to time the kernels of a network."""

    name: ClassVar[str]
    fusion: ClassVar[Fusion]

    @abstractmethod
    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """Time the network and those of its ops that stand at `paths`: the least of `repeats`."""


class GraphProfiler(Profiler):
    """An engine that runs ONNX graphs, and tells the time of the nodes it makes of one."""

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The network as a graph, its nodes' times by the ops that they compute."""
        import numpy as np

        model = onnx_model(network.spec, network.input).SerializeToString()
        x = np.random.default_rng(0).standard_normal(network.input, dtype="float32")
        run = self.run(model, x, setup, repeats)
        nodes = tuple((node.kernel, node.seconds) for node in run.nodes if node.kernel is not None)
        return Profile(run.seconds, seconds_by_path(run.nodes, paths), nodes)

    @abstractmethod
    def compiled(self, model: bytes, setup: Setup) -> list[Kernel]:
        """What the engine would run of an ONNX graph, as it compiles it; nothing is run."""

    @abstractmethod
    def run(self, model: bytes, x: NDArray[Any], setup: Setup, repeats: int) -> GraphRun:
        """The least time of a call on the one input `x`, and that of each node, as it tells it."""


_PROFILERS: Registry[Profiler] = Registry("engines", "shufflenet_flops.latency.predict.profilers")


def profiler(cls: type[Profiler]) -> type[Profiler]:
    """Register a profiler under its engine's name. Raises ValueError where the name is taken."""
    _PROFILERS.add(cls.name, cls())
    return cls


def profiler_names() -> tuple[str, ...]:
    """The engines that can be calibrated."""
    return tuple(sorted(_PROFILERS.entries()))


def find_profiler(name: str) -> Profiler:
    """The profiler of an engine. Raises UnknownNameError with the closest names."""
    if name not in _PROFILERS.entries():
        raise UnknownNameError("engine to calibrate", name, profiler_names())
    return _PROFILERS.entries()[name]
