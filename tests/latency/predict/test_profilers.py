"""An engine's own kernels are told apart, and each belongs to an op of the network."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.engines import ENGINE_NAMES, find_engine
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.measuring import timed
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers import find_profiler, profiler_names
from shufflenet_flops.latency.predict.profilers.attribution import EngineNode, seconds_by_path


@pytest.mark.parametrize("engine", profiler_names())
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

    profile = profiler.profile(network, paths, Setup(), repeats=2)

    assert set(profile.parts) <= paths
    assert profile.seconds > 0
    times = timed(kernels, profile)
    assert sum(seconds for _, seconds in times) == pytest.approx(profile.seconds)
    heavy = [seconds for kernel, seconds in times if "conv" in kernel.kind]
    assert all(seconds > 0 for seconds in heavy[:3])


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
