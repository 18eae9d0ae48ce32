"""ONNX Runtime's own nodes are told apart, and each belongs to an op of the network."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.kernels import kernels_of
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers import find_profiler, profiler_names

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_every_kernel_has_a_time(name: str) -> None:
    """No time is left without an op, and nearly no kernel without time."""
    profiler = find_profiler("onnxruntime")
    network = RandomNetwork(0, zoo.find(name).spec, (1, 3, 64, 64))
    kernels = kernels_of(layer_table(network.spec, network.input).rows, profiler.fusion)
    paths = frozenset(path for kernel in kernels for path in kernel.paths)

    profile = profiler.profile(network, paths, Setup(), repeats=2)

    assert set(profile.parts) <= paths
    assert profile.seconds > 0
    timeless = [
        kernel for kernel in kernels if not any(profile.parts.get(path) for path in kernel.paths)
    ]
    assert len(timeless) <= 0.1 * len(kernels)


def test_engines_that_can_be_calibrated_are_engines() -> None:
    from shufflenet_flops.latency.engines import ENGINE_NAMES

    assert set(profiler_names()) <= set(ENGINE_NAMES)
