"""ncnn: the time of each layer, which it runs when its output is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

from shufflenet_flops.counting.row import CONV_KINDS, Kind
from shufflenet_flops.latency.engines.ncnn import Loaded, extract, load
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict.kernels import BYTES, Fusion, amounts
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
from shufflenet_flops.running.no_gc import no_gc

_LEAST_S = 1e-7  # that a layer takes
# Where a layer's line holds its number of weights.
_WEIGHTS = {
    **dict.fromkeys(("Convolution", "ConvolutionDepthWise"), ("6",)),
    "InnerProduct": ("2",),
    "Gemm": ("8", "9"),
}
_BINARY = {"0": "add", "1": "sub", "2": "mul", "3": "div"}
_OPS = {
    **{"ReLU": "relu", "Clip": "relu6", "Swish": "silu", "HardSwish": "hardswish"},
    **{"GELU": "gelu", "Sigmoid": "sigmoid", "HardSigmoid": "hardsigmoid", "TanH": "tanh"},
    **{"ELU": "elu", "Mish": "mish", "Concat": "cat", "LayerNorm": "layer_norm"},
    **{"BatchNorm": "batch_norm", "Softmax": "softmax", "SDPA": "attention"},
    **{"ShuffleChannel": "channel_shuffle", "Reduction": "mean"},
}
_SAME = {
    **dict.fromkeys(("adaptive_avg_pool2d", "avg_pool2d"), "mean"),
    **dict.fromkeys(("hardtanh", "clamp"), "relu6"),
    "scaled_dot_product_attention": "attention",
}
_PUT_BACK = "_ncnnreshape1"  # how pnnx names what makes a map of rows again, after a product
_SHUFFLE = "6"  # the order of a Permute that swaps the two axes of channels in groups


@profiler
class NcnnProfiler(Profiler):
    """Batch norms are folded into convolutions, simple activations within them."""

    name = "ncnn"
    fusion = Fusion(
        norm=True,
        scale=True,
        activations=frozenset({"relu", "relu6", "leaky_relu", "sigmoid"}),
        attention=True,
    )

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """The least time of a call and of each layer, by the thread's own clock.

        Raises EngineError for a network that ncnn does not take.
        """
        loaded = _loaded(network, setup)
        output = loaded.net.output_names()[0]
        whole = least_s(lambda: extract(loaded.extractor(), output), repeats)
        layers = [_layer(line) for line in loaded.layers]
        seconds, elements = _timed(loaded, layers, runs(whole, repeats))
        expected = [_expected(op) for op in ops_of(network, self.fusion)]
        parts = seconds_in_order(_run(layers, seconds, elements), expected)
        return Profile(whole, {path: parts[path] for path in parts.keys() & paths})


@dataclass(frozen=True)
class _Layer:
    """A layer as pnnx writes it; `settings` are its numbers, by their place."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    settings: dict[str, str]


def _layer(line: str) -> _Layer:
    """Of `KIND NAME INPUTS OUTPUTS` numbers, names of inputs and outputs, settings."""
    kind, name, n_in, n_out, *rest = line.split()
    first, last = int(n_in), int(n_in) + int(n_out)
    settings = dict(setting.split("=", 1) for setting in rest[last:])
    return _Layer(kind, name, rest[:first], rest[first:last], settings)


# What a layer is told by: the op and the elements that it writes, or "weights" and their number.
_Signature = tuple[str, int]


def _expected(op: OpInKernel) -> Expected:
    row = op.row
    if row.kind in CONV_KINDS or row.kind is Kind.LINEAR:
        signature = "weights", amounts(op.kernel).bytes_weights // BYTES
    else:
        signature = _SAME.get(row.op, row.op), prod(row.output)
    return Expected(row.path, [signature], op.is_first)


def _run(
    layers: Sequence[_Layer], seconds: Sequence[float], elements: Sequence[int]
) -> list[tuple[_Signature | None, float]]:
    """What ran, by what it is told by, and its seconds: a map put back is of the layer before."""
    run: list[tuple[_Signature | None, float]] = []
    for layer, layer_s, size in zip(layers, seconds, elements, strict=True):
        if layer.name.endswith(_PUT_BACK):
            signature, before = run.pop()
            run.append((signature, before + layer_s))
        else:
            run.append((_signature(layer, size), layer_s))
    return run


def _signature(layer: _Layer, elements: int) -> _Signature | None:
    """What the layer computes, None where it computes nothing or that is not known."""
    if (places := _WEIGHTS.get(layer.kind)) is not None:
        return "weights", prod(int(layer.settings.get(place, 0)) for place in places)
    if layer.kind == "Pooling":
        return "mean" if layer.settings.get("0", "0") == "1" else "max_pool2d", elements
    if layer.kind == "BinaryOp":
        op = _BINARY.get(layer.settings.get("0", "0"))
    elif layer.kind == "Permute" and layer.settings.get("0") == _SHUFFLE:
        op = "channel_shuffle"
    else:
        op = _OPS.get(layer.kind)
    return (op, elements) if op else None


def _timed(loaded: Loaded, layers: Sequence[_Layer], calls: int) -> tuple[list[float], list[int]]:
    """The least seconds of each layer of so many calls, and the elements that it writes.

    A value that is there is asked for once more, which tells what asking costs.
    """
    least = [float("inf")] * len(layers)
    elements = [0] * len(layers)
    asking = float("inf")
    with no_gc():
        for _ in range(calls):
            extractor = loaded.extractor()
            extractor.set_blob_allocator(_pool())
            for place, layer in enumerate(layers):
                if layer.kind == "Input":
                    continue
                seconds, mat = _asked(extractor, layer.outputs[0])
                again, _same = _asked(extractor, layer.outputs[0])
                least[place] = min(least[place], seconds)
                asking = min(asking, again)
                elements[place] = mat.w * mat.h * mat.d * mat.c * mat.elempack
                del mat, _same  # a value that is held is copied by what changes it in place
            del extractor
    _pool().clear()
    return [
        0.0 if layer.kind == "Input" else max(seconds - asking, _LEAST_S)
        for layer, seconds in zip(layers, least, strict=True)
    ], elements


@lru_cache(maxsize=1)
def _pool() -> Any:
    """Where values are kept: what comes from ncnn's own pool is copied as it is handed out.

    There is one alone, as it must outlive all that is kept in it.
    """
    import ncnn

    return ncnn.PoolAllocator()


def _asked(extractor: Any, name: str) -> tuple[float, Any]:
    start = time.thread_time()
    mat = extract(extractor, name, as_is=True)
    return time.thread_time() - start, mat


@lru_cache(maxsize=KEPT)
def _loaded(network: RandomNetwork, setup: Setup) -> Loaded:
    module, x = built(network)
    with converting():
        return load(module, (x,), setup)
