"""An engine's own kernels are told apart, and each belongs to an op of the network."""

from __future__ import annotations

import numpy as np
import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.engines import ENGINE_NAMES, find_engine
from shufflenet_flops.latency.engines.protocol import EngineError, Setup
from shufflenet_flops.latency.predict.features import MACS, features, matrix
from shufflenet_flops.latency.predict.kernels import Kernel
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.measuring import timed
from shufflenet_flops.latency.predict.networks import RandomNetwork, random_network
from shufflenet_flops.latency.predict.onnx_graph import onnx_model
from shufflenet_flops.latency.predict.profilers import find_profiler, profiler_names
from shufflenet_flops.latency.predict.profilers.attribution import EngineNode, seconds_by_path
from shufflenet_flops.latency.predict.profilers.protocol import GraphProfiler, Profile

# To have a compiler or an exporter at work takes long.
ENGINES = [
    pytest.param(name, marks=pytest.mark.slow) if name in ("torch-compile", "executorch") else name
    for name in profiler_names()
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "vit@size=tiny,resolution=32"])
def test_every_kernel_has_a_time(engine: str, name: str) -> None:
    """No time is left without an op, and nearly no work without time."""
    if find_engine(engine).missing():
        pytest.skip(f"{engine} is not installed here")
    model = zoo.find(name)
    shape = (1, 3, 64, 64) if "shuffle" in name else model.input
    profiler = find_profiler(engine)
    network = RandomNetwork(0, model.spec, shape)
    kernels = kernels_of(layer_table(network.spec, network.input).rows, profiler.fusion)
    paths = frozenset(path for kernel in kernels for path in kernel.paths)

    if (engine, name) == ("ncnn", "vit@size=tiny,resolution=32"):
        with pytest.raises(EngineError, match="an op has no counterpart"):
            profiler.profile(network, paths, Setup(), repeats=2)
        return
    profile = profiler.profile(network, paths, Setup(), repeats=2)

    assert profile.parts
    assert set(profile.parts) <= paths
    assert profile.seconds > 0
    times = timed(kernels, profile)
    assert sum(seconds for _, seconds in times) == pytest.approx(profile.seconds)
    heavy = [seconds for kernel, seconds in times if "conv" in kernel.kind]
    if engine == "openvino":  # whose counters tell of some that they take nothing
        heavy = heavy[:3]
    assert all(seconds > 0 for seconds in heavy)


def test_engines_that_can_be_calibrated_are_engines() -> None:
    assert set(profiler_names()) <= set(ENGINE_NAMES)


def test_whose_time_a_node_is() -> None:
    """A change of layout before the op that takes it, one at the end after the op that wrote it."""
    nodes = [
        EngineNode(["reorder"], ["x"], ["r"], 1.0),
        EngineNode(["a.relu/Relu:3_fused"], ["r"], ["y"], 20.0),
        EngineNode(["back"], ["y"], ["z"], 300.0),
        EngineNode(["other", "b/scores:7"], ["z"], ["s"], 4000.0),
        EngineNode(["c"], ["s"], ["t"], 50000.0),
        EngineNode(["last"], ["t"], ["u"], 600000.0),
    ]
    paths = frozenset({"a.relu", "b/scores", "b/values", "c"})

    assert seconds_by_path(nodes, paths) == {"a.relu": 21.0, "b/scores": 4300.0, "c": 650000.0}


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("number", [0, 3, 8, 15])
def test_what_an_engine_compiles(engine: str, number: int) -> None:
    """Of every node the shape is known, and the MACs are the table's, or more in whole blocks."""
    if find_engine(engine).missing():
        pytest.skip(f"{engine} is not installed here")
    profiler = find_profiler(engine)
    assert isinstance(profiler, GraphProfiler)
    network = random_network(number)
    table = layer_table(network.spec, network.input)
    model = onnx_model(network.spec, network.input).SerializeToString()

    kernels = profiler.compiled(model, Setup())

    assert not [kernel.kind for kernel in kernels if "unknown shape" in kernel.kind]
    macs = sum(features(kernel.kind, matrix([kernel]))[0, MACS] for kernel in kernels)
    assert 0.99 * table.macs <= macs <= 1.6 * table.macs
    x = np.zeros(network.input, dtype="float32")
    again = [node.kernel for node in profiler.run(model, x, Setup(), 1).nodes if node.kernel]
    assert sorted(map(str, again)) == sorted(str(kernel._replace(paths=())) for kernel in kernels)


def test_the_least_of_nodes_that_come_in_another_order() -> None:
    """Nodes of one size are matched by their times, whatever stands before them."""
    small, large = Kernel("Add", 1, 8, 7, 7, 8, 7, 7), Kernel("Add", 1, 64, 7, 7, 64, 7, 7)
    first = Profile(1.0, {}, ((small, 2.0), (large, 9.0), (small, 4.0)))
    second = Profile(2.0, {}, ((large._replace(after=1), 8.0), (small, 5.0), (small, 1.0)))

    least = first.least(second)

    assert least.seconds == 1.0
    assert least.nodes == ((small, 1.0), (large, 8.0), (small, 4.0))
