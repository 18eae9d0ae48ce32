"""Whose time is a call in the code that Inductor writes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers import find_profiler
from shufflenet_flops.latency.predict.profilers.in_order import ops_of
from shufflenet_flops.latency.predict.profilers.torch_compile import (
    _Called,
    _Owners,
    _timed,
    _Value,
)
from shufflenet_flops.spec import Activation, Conv2d, GlobalAvgPool, MaxPool2d, seq

NETWORK = RandomNetwork(
    0,
    seq(
        a=Conv2d(3, 8, 3, padding=1),
        relu=Activation(),
        pool=MaxPool2d(2, 2),
        b=Conv2d(8, 8, 5, padding=2),
        mean=GlobalAvgPool(),
    ),
    (1, 3, 8, 8),
)
IMAGE = _Value(0, (1, 3, 8, 8))
WEIGHTS_A, WEIGHTS_B = _Value(1, (8, 3, 3, 3)), _Value(2, (8, 8, 5, 5))
ORDERED_A, ORDERED_B = _Value(11, (8, 3, 3, 3)), _Value(12, (8, 8, 5, 5))
MAP_A, SMALL, MAP_B, MEAN = (
    _Value(place, shape)
    for place, shape in enumerate([(1, 8, 8, 8), (1, 8, 4, 4), (1, 8, 4, 4), (1, 8, 1, 1)], 21)
)


def test_whose_time_a_call_is() -> None:
    """Weights put in order are of the layers that take them, loops of what they are named after."""
    calls = [
        _Called(
            "cpp_fused_convolution_0", [WEIGHTS_A, WEIGHTS_B, ORDERED_A, ORDERED_B], [], 1816.0
        ),
        _Called("convolution", [IMAGE, ORDERED_A], [MAP_A], 3e4),
        _Called("cpp_fused_relu_1", [MAP_A], [], 1e5),
        _Called("cpp_fused_max_pool2d_with_indices_2", [MAP_A, SMALL], [], 2e5),
        _Called("convolution", [SMALL, ORDERED_B], [MAP_B], 3e6),
        _Called("cpp_fused_mean_3", [MAP_B, MEAN], [], 4e7),
    ]
    ops = ops_of(NETWORK, find_profiler("torch-compile").fusion)

    seconds = _Owners(ops).seconds(calls)

    assert seconds == {
        "a": pytest.approx(216 + 3e4 + 1e5),
        "pool": pytest.approx(2e5),
        "b": pytest.approx(1600 + 3e6),
        "mean": pytest.approx(4e7),
    }


@dataclass(frozen=True)
class Lying:
    """A tensor of which only is known where it lies."""

    place: int
    shape: tuple[int, ...] = (2, 2)

    def data_ptr(self) -> int:
        return self.place


def test_values_are_those_of_one_run() -> None:
    """Times are the least of all runs; what lies where is another thing in each."""
    code: Any = ModuleType("code")
    code.cpp_fused_relu_0 = lambda x: None
    code.extern_kernels = SimpleNamespace(convolution=lambda x, weights: x)
    functions = code.cpp_fused_relu_0, code.extern_kernels
    runs = count()

    def call() -> None:
        here = Lying(next(runs))
        code.extern_kernels.convolution(here, here)
        code.cpp_fused_relu_0(here)

    calls = _timed(call, code, 5)

    assert [called.name for called in calls] == ["convolution", "cpp_fused_relu_0"]
    assert {value for called in calls for value in called.tensors} == {_Value(7, (2, 2))}
    assert calls[0].weights == calls[0].result[0] == _Value(7, (2, 2))
    assert (code.cpp_fused_relu_0, code.extern_kernels) == functions
