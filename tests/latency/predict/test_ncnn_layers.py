"""Layers as pnnx writes them."""

from __future__ import annotations

import pytest

from shufflenet_flops.latency.predict.profilers.ncnn import _layer, _run, _signature

LINES = {
    "Convolution conv_7 1 1 2 3 0=48 1=1 11=1 5=1 6=9216": (("weights", 9216), 100),
    "ConvolutionDepthWise convdw_0 1 1 5 6 0=12 1=1 6=144 7=4 9=1": (("weights", 144), 100),
    "Gemm gemm_0 1 1 44 45 10=4 2=0 3=1 7=16 8=448 9=112": (("weights", 448 * 112), 100),
    "InnerProduct linear_23 1 1 10 11 0=16 1=1 2=5632": (("weights", 5632), 16),
    "Pooling gap_0 1 1 9 10 0=1 4=1": (("mean", 352), 352),
    "Pooling maxpool2d_27 1 1 2 3 0=0 1=3": (("max_pool2d", 100), 100),
    "BinaryOp add_0 2 1 11 4 12 0=0": (("add", 100), 100),
    "BinaryOp mul_0 2 1 8 14 15 0=2": (("mul", 100), 100),
    "Permute transpose_35 1 1 7 8 0=6": (("channel_shuffle", 100), 100),
    "Permute permute_30 1 1 39 40 0=3": (None, 100),
    "Split splitncnn_0 1 2 3 4 5": (None, 100),
}


@pytest.mark.parametrize("line", LINES)
def test_what_a_layer_computes(line: str) -> None:
    signature, elements = LINES[line]
    assert _signature(_layer(line), elements) == signature


def test_names_of_values() -> None:
    layer = _layer("Slice tensor_split_0 1 2 38 39 40 -23300=2,144,-233 1=0")
    assert (layer.inputs, layer.outputs) == (["38"], ["39", "40"])
    assert layer.settings == {"-23300": "2,144,-233", "1": "0"}


def test_a_map_that_is_put_back_is_of_the_product_before() -> None:
    """pnnx makes rows of a map for a matrix product, and a map of its rows."""
    lines = [
        'Reshape 5.0.expand_ncnnreshape0 1 1 42 44 6="0w,-1"',
        "Gemm gemm_0 1 1 44 45 8=448 9=112",
        'Reshape 5.0.expand_ncnnreshape1 2 1 45 43 46 6="0w,1h,1c"',
        "GELU gelu_15 1 1 46 47",
    ]
    run = _run([_layer(line) for line in lines], [1.0, 20.0, 300.0, 4000.0], [7, 7, 7, 7])

    assert run == [(None, 1.0), (("weights", 448 * 112), 320.0), (("gelu", 7), 4000.0)]
