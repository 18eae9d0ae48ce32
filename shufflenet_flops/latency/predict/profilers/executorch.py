"""ExecuTorch: what its event tracer tells of XNNPACK's and of its own kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shufflenet_flops.counting.row import CONV_KINDS
from shufflenet_flops.latency.engines.executorch import lowered
from shufflenet_flops.latency.engines.protocol import EngineError, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.latency.predict.kernels import Fusion, Kernel
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers.converting import KEPT, converting
from shufflenet_flops.latency.predict.profilers.eager import built
from shufflenet_flops.latency.predict.profilers.in_order import (
    Expected,
    OpInKernel,
    ops_of,
    seconds_in_order,
)
from shufflenet_flops.latency.predict.profilers.protocol import Profile, Profiler, profiler
from shufflenet_flops.latency.predict.profilers.timing import least_s, runs

_WARM_UP = 3
_NANO = 1e-9
_TICK_S = 1e-6  # XNNPACK tells whole microseconds, rounded down
_RUN = "Execute"
_OWN = "native_call_"  # of ExecuTorch's own kernels, before the name of the op
_DEPTHWISE = "DWConv"
_MOST_TAPS = 25  # of a depthwise kernel; above it runs as any other convolution
# How the tracer's names begin, and what runs under them.
_NAMES = {
    **{"Convolution": "conv", "Fully Connected": "linear"},
    **{"Add": "add", "Multiply": "mul", "Subtract": "sub", "Divide": "div", "Clamp": "clamp"},
    **{"Sigmoid": "sigmoid", "HardSwish": "hardswish", "GELU": "gelu", "Tanh": "tanh"},
    **{"ELU": "elu", "Max Pooling": "max_pool", "Average Pooling": "avg_pool", "Mean": "mean"},
    **{"Copy": "cat", "Softmax": "softmax", "Batch Matrix Multiply": "matmul"},
    **{f"{_OWN}avg_pool2d": "avg_pool", f"{_OWN}native_layer_norm": "layer_norm"},
}
# What runs for an op: one of its own name, unless it stands here.
_RUNS: dict[str, Sequence[str]] = {
    "silu": ("sigmoid", "mul"),
    "hardsigmoid": ("add", "clamp", "div"),
    **dict.fromkeys(("relu", "relu6", "hardtanh"), ("clamp",)),
    "max_pool2d": ("max_pool",),
    "avg_pool2d": ("avg_pool",),
    "adaptive_avg_pool2d": ("mean",),
}


@profiler
class ExecuTorchProfiler(Profiler):
    """XNNPACK folds batch norms into convolutions, and clamps their output."""

    name = "executorch"
    fusion = Fusion(norm=True, activations=frozenset({"relu", "relu6"}))

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The least time of a call by the thread's own clock, and that of each kernel.

        Raises EngineError for a network that ExecuTorch does not take.
        """
        _, x = built(network)
        program = _lowered(network, setup)
        with quiet():
            from executorch.runtime import Runtime

            loaded = Runtime.get().load_program(program)
            method = loaded.load_method("forward")
        whole = least_s(lambda: method.execute((x,)), repeats)
        expected = [each for op in ops_of(network, self.fusion) for each in _expected(op)]
        parts = seconds_in_order(_traced(program, x, runs(whole, repeats)), expected)
        return Profile(whole, {path: parts[path] for path in parts.keys() & paths})


def _expected(op: OpInKernel) -> Sequence[Expected]:
    row = op.row
    if row.op == "scaled_dot_product_attention":
        names = {"scores": "matmul", "softmax": "softmax", "values": "matmul"}
        return [Expected(f"{row.path}/{part}", [name]) for part, name in names.items()]
    # A norm that is in no convolution is a depthwise one.
    if row.op == "batch_norm":
        return [Expected(row.path, [_DEPTHWISE] if op.is_first else [], op.is_first)]
    if row.kind in CONV_KINDS:
        return [Expected(row.path, [_convolution(op.kernel)])]
    return [Expected(row.path, _RUNS.get(row.op, (row.op,)), op.is_first)]


def _convolution(kernel: Kernel) -> str:
    """Which of XNNPACK's kernels a convolution is."""
    taps: Any = kernel.k_h * kernel.k_w
    if kernel.groups == kernel.c_in != 1 and taps <= _MOST_TAPS:
        return _DEPTHWISE
    return "linear" if taps == kernel.stride == kernel.groups == 1 else "conv"


def _traced(program: bytes, x: Any, calls: int) -> list[tuple[str | None, float]]:
    """What runs in a call, by its name, and the least seconds of so many calls."""
    with quiet():
        from executorch.devtools.etdump.serialize import deserialize_from_etdump_flatcc
        from executorch.extension.pybindings import portable_lib

        module = portable_lib._load_for_executorch_from_buffer(program, enable_etdump=True)
        for _ in range(_WARM_UP + calls):
            module.run_method("forward", (x,))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events"
            module.write_etdump_result_to_file(str(path), str(path.with_suffix(".values")))
            dump = deserialize_from_etdump_flatcc(path.read_bytes())
    told = [_kernels(run.events) for run in dump.run_data if run.name == _RUN][_WARM_UP:]
    if not told or not told[0]:
        raise EngineError("this build of ExecuTorch has no event tracer")
    return [
        (_name(of_a_kernel[0][0]), min(seconds for _, seconds in of_a_kernel))
        for of_a_kernel in zip(*told, strict=True)
    ]


def _kernels(events: Sequence[Any]) -> list[tuple[str, float]]:
    """The kernels among the events of a call, each with its seconds."""
    kernels = []
    for event in (event.profile_event for event in events):
        seconds = _NANO * (event.end_time - event.start_time)
        if event.delegate_debug_id_str is not None:
            kernels.append((event.delegate_debug_id_str, seconds + _TICK_S / 2))
        elif (event.name or "").startswith(_OWN):
            kernels.append((event.name, seconds))
    return kernels


def _name(name: str) -> str | None:
    """What runs under a name: `KIND (LAYOUT) HOW #NUMBER`, or `native_call_OP.VARIANT`."""
    if _DEPTHWISE in name:
        return _DEPTHWISE
    return _NAMES.get(name.partition(" (")[0].partition(".")[0])


@lru_cache(maxsize=KEPT)
def _lowered(network: RandomNetwork, setup: Setup) -> bytes:
    module, x = built(network)
    with converting():
        return lowered(module, (x,), setup)
