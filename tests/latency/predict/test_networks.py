"""Random networks: always the same, small enough, of every block, and of their own."""

from __future__ import annotations

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.predict.kernels import Fusion
from shufflenet_flops.latency.predict.lowering import kernels_of
from shufflenet_flops.latency.predict.networks import random_network
from shufflenet_flops.latency.predict.profilers import find_profiler

NUMBERS = range(60)


def test_a_number_is_a_network() -> None:
    assert random_network(7) == random_network(7)
    assert len({repr(random_network(number).spec) for number in NUMBERS}) == len(NUMBERS)


def test_they_are_small_and_hold_every_kind() -> None:
    """Kinds that common networks have, each several times in sixty networks."""
    kinds: dict[str, int] = {}
    for number in NUMBERS:
        network = random_network(number)
        table = layer_table(network.spec, network.input)
        assert 3e6 < table.macs < 3e9
        assert table.params < 4e7
        for kernel in kernels_of(table.rows, Fusion(norm=True)):
            kinds[kernel.kind] = kinds.get(kernel.kind, 0) + 1
    for kind in (
        *("dense conv", "pointwise conv", "depthwise conv", "grouped conv"),
        *("grouped pointwise conv", "linear", "matmul", "softmax", "layer_norm", "batch_norm"),
        *("relu", "silu", "hardswish", "gelu", "add", "mul", "mul broadcast", "cat", "clone"),
        *("mean", "max_pool2d", "avg_pool2d"),
    ):
        assert kinds[kind] >= 3, kind


def test_odd_widths_are_among_them() -> None:
    """Channels that are no multiple of 8 take other kernels of an engine."""
    widths = {
        row.output[1]
        for number in NUMBERS
        for row in layer_table(*_of(number)).rows
        if row.op == "conv2d"
    }
    assert len([width for width in widths if width % 8]) > 20
    assert len([width for width in widths if width % 16 == 0]) > 20


def _of(number: int) -> tuple[object, tuple[int, ...]]:
    network = random_network(number)
    return network.spec, network.input


@pytest.mark.parametrize("number", [0, 1, 2, 3, 8, 16])
def test_the_graph_computes_what_the_spec_counts(number: int) -> None:
    """The ONNX graph of a network, read by the reader of .onnx files, has the network's MACs."""
    pytest.importorskip("onnx")
    from shufflenet_flops.latency.predict.onnx_graph import onnx_model
    from shufflenet_flops.sources.onnx.given import set_inputs
    from shufflenet_flops.sources.onnx.graph import count

    network = random_network(number)
    model = onnx_model(network.spec, network.input)
    counted, _ = count(model, set_inputs(model.graph, ()))

    assert counted.table.macs == layer_table(network.spec, network.input).macs
    assert not counted.unknown_ops


@pytest.mark.parametrize("name", ["efficientnet_b0", "shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_a_graph_has_the_kernels_of_its_spec(name: str) -> None:
    """So what `predict` says of an .onnx file is what it says of the network."""
    pytest.importorskip("onnx")
    from shufflenet_flops.latency.predict.onnx_graph import onnx_model
    from shufflenet_flops.sources.onnx.given import set_inputs
    from shufflenet_flops.sources.onnx.graph import count

    fusion = find_profiler("onnxruntime").fusion
    spec, shape = zoo.find(name).spec, (1, 3, 64, 64)
    model = onnx_model(spec, shape)
    graph = kernels_of(count(model, set_inputs(model.graph, ()))[0].table.rows, fusion)
    network = kernels_of(layer_table(spec, shape).rows, fusion)

    assert [kernel.kind for kernel in graph] == [kernel.kind for kernel in network]
    assert [kernel.numbers for kernel in graph] == [kernel.numbers for kernel in network]
