"""ONNX Runtime: its own profile of its optimised graph."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.compiled import unknown
from shufflenet_flops.latency.predict.kernels import Fusion, Kernel
from shufflenet_flops.latency.predict.onnx_graph import INPUT, onnx_model
from shufflenet_flops.latency.predict.profilers.attribution import EngineNode
from shufflenet_flops.latency.predict.profilers.onnx_nodes import node_kernels
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler, GraphRun, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s, runs
from shufflenet_flops.spec import Activation, seq

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EVENT = "_kernel_time"  # what the profile adds to a node's name
_MICRO = 1e-6
_LEAST_RUNS = 12
_LEAST_S = 1e-7  # that a node takes
_MOST_S = 1e-6  # that the profile adds to a node beyond what it adds to the smallest


@profiler
class OnnxRuntimeProfiler(GraphProfiler):
    """All optimisations on; simple activations and sums are within a convolution's kernel."""

    name = "onnxruntime"
    fusion = Fusion(
        norm=True,
        activations=frozenset(
            {"relu", "relu6", "leaky_relu", "sigmoid", "hardsigmoid", "tanh", "hardswish"}
        ),
        addition=True,
        blocks=True,
    )

    def run(self, model: bytes, x: NDArray[Any], setup: Setup, repeats: int) -> GraphRun:
        """By the thread's own clock and by the profile, whose own cost is taken off each node.

        It is what the profile adds to the smallest nodes, and where they then still add up to more
        than the whole, a little more: nodes of many inputs take longer to note down.
        """
        import onnx

        model = _with_shapes(model)
        with tempfile.TemporaryDirectory() as folder:
            optimised = Path(folder) / "optimised.onnx"
            plain = _session(model, setup, optimized_model_filepath=str(optimised))
            feed = {plain.get_inputs()[0].name: x}
            whole = least_s(lambda: plain.run(None, feed), repeats)
            profiled = _profiled(model, x, setup, runs(whole, max(repeats, _LEAST_RUNS)))
            graph = onnx.load(str(optimised), load_external_data=False).graph
        names = _names_in_profile(graph.node, profiled)
        cost = _cost_of_profiling(setup)
        over = sum(max(profiled.get(name, 0.0) - cost, _LEAST_S) for name in names) - whole
        cost += min(max(0.0, over / len(names)), _MOST_S)
        nodes = [
            EngineNode(
                (node.name, *node.output),
                list(node.input),
                list(node.output),
                max(profiled.get(name, 0.0) - cost, _LEAST_S),
                kernel,
            )
            for node, name, kernel in zip(graph.node, names, node_kernels(graph), strict=True)
        ]
        return GraphRun(whole, nodes)

    def compiled(self, model: bytes, setup: Setup) -> list[Kernel]:
        """The nodes of the optimised graph."""
        import onnx

        with tempfile.TemporaryDirectory() as folder:
            optimised = Path(folder) / "optimised.onnx"
            _session(_with_shapes(model), setup, optimized_model_filepath=str(optimised))
            graph = onnx.load(str(optimised), load_external_data=False).graph
        return [
            (kernel or unknown(node.op_type))._replace(paths=(node.name,))
            for node, kernel in zip(graph.node, node_kernels(graph), strict=True)
        ]


def _names_in_profile(nodes: Iterable[Any], profiled: Mapping[str, float]) -> list[str]:
    """The name of each node in the profile, where one without a name is `OPERATOR_NUMBER`."""
    named = {node.name for node in nodes}
    unnamed: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in profiled:
        operator, _, number = name.rpartition("_")
        if name not in named and number.isdigit():
            unnamed[operator].append((int(number), name))
    ordered = {operator: iter(sorted(found)) for operator, found in unnamed.items()}
    return [node.name or next(ordered.get(node.op_type, iter(())), (0, ""))[1] for node in nodes]


def _with_shapes(model: bytes) -> bytes:
    """The graph with the shapes of its values, of which the optimised one keeps what it is told."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return bytes(inferred.SerializeToString())


def _profiled(model: bytes, x: Any, setup: Setup, repeats: int) -> dict[str, float]:
    """Seconds of each node of the optimised graph, by name, with what the profile itself costs."""
    with tempfile.TemporaryDirectory() as folder:
        session = _session(
            model, setup, enable_profiling=True, profile_file_prefix=f"{folder}/profile"
        )
        for _ in range(repeats):
            session.run(None, {session.get_inputs()[0].name: x})
        events = json.loads(Path(session.end_profiling()).read_text())
    times: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(_EVENT):
            times[event["name"].removesuffix(_EVENT)].append(event["dur"])
    return {name: _faster_half(found) * _MICRO for name, found in times.items()}


@cache
def _cost_of_profiling(setup: Setup) -> float:
    """What the profile adds to each node: that of a chain of the smallest nodes, over its whole."""
    import numpy as np

    chain = seq(*[Activation(name) for name in ("relu", "sigmoid") * 100])
    model, x = onnx_model(chain, (1, 1)).SerializeToString(), np.ones((1, 1), dtype="float32")
    plain = _session(model, setup)
    whole = least_s(lambda: plain.run(None, {INPUT: x}), 200)
    nodes = _profiled(model, x, setup, 200)
    return max(0.0, (sum(nodes.values()) - whole) / len(nodes))


def _session(model: bytes, setup: Setup, **settings: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in settings.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _faster_half(times: list[int]) -> float:
    """The mean of the faster half, as the profile has whole µs."""
    half = sorted(times)[: (len(times) + 1) // 2]
    return sum(half) / len(half)
