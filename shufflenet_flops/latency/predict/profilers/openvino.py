"""OpenVINO: the performance counters of its compiled model."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.kernels import ACTIVATIONS, Fusion, Kernel
from shufflenet_flops.latency.predict.profilers.attribution import EngineNode
from shufflenet_flops.latency.predict.profilers.openvino_nodes import node_kernels
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler, GraphRun, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WARM_UP = 2  # runs, in which the engine makes its kernels
_COUNTED = 20


@profiler
class OpenVinoProfiler(GraphProfiler):
    """Norms, every activation and sums are within the kernel of a convolution or linear layer."""

    name = "openvino"
    fusion = Fusion(
        norm=True, scale=True, activations=frozenset(ACTIVATIONS[1:]), addition=True, attention=True
    )

    def run(self, model: bytes, x: NDArray[Any], setup: Setup, repeats: int) -> GraphRun:
        """By the process's clock and by the counters, which tell means alone."""
        _, plain_model = _compiled(model, setup)
        plain = plain_model.create_infer_request()
        whole = least_s(lambda: plain.infer([x], share_inputs=True), repeats, time.process_time)
        source, compiled = _compiled(model, setup, PERF_COUNT=True)
        request = compiled.create_infer_request()
        first = _counted(request, x, _WARM_UP, 0)
        both = _counted(request, x, _COUNTED, _WARM_UP)
        seconds = {name: max(0.0, total - first[name]) / _COUNTED for name, total in both.items()}
        ordered = compiled.get_runtime_model().get_ordered_ops()
        kernels = node_kernels(ordered, source)
        nodes = [_node(op, seconds, kernel) for op, kernel in zip(ordered, kernels, strict=True)]
        return GraphRun(whole, nodes)

    def compiled(self, model: bytes, setup: Setup) -> list[Kernel]:
        """The nodes of the runtime model."""
        source, compiled = _compiled(model, setup)
        ordered = compiled.get_runtime_model().get_ordered_ops()
        return [
            kernel._replace(paths=(op.get_friendly_name(),))
            for op, kernel in zip(ordered, node_kernels(ordered, source), strict=True)
            if kernel is not None
        ]


def _counted(request: Any, x: Any, runs: int, before: int) -> dict[str, float]:
    """Seconds in each node of `runs` runs and those before, of which the counters tell the mean."""
    for _ in range(runs):
        request.infer([x], share_inputs=True)
    return {
        node.node_name: node.real_time.total_seconds() * (runs + before)
        for node in request.get_profiling_info()
    }


def _compiled(model: bytes, setup: Setup, **settings: Any) -> tuple[Any, Any]:
    """The graph as it is read, and as it is compiled."""
    import openvino

    core = openvino.Core()
    settings |= {
        "INFERENCE_NUM_THREADS": setup.threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    source = core.read_model(io.BytesIO(model))
    return source, core.compile_model(source, "CPU", settings)


def _node(op: Any, seconds: dict[str, float], kernel: Kernel | None) -> EngineNode:
    """A node of the runtime model, which notes the names of the nodes that it was made of."""
    name = op.get_friendly_name()
    made_of = op.get_rt_info()["originalLayersNames"].astype(str).split(",")
    inputs = [value.get_node().get_friendly_name() for value in op.input_values()]
    return EngineNode((name, *made_of), inputs, [name], seconds.get(name, 0.0), kernel)
