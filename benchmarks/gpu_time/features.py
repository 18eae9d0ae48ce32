"""What is known of a network before it runs: sums over its layers, which a predictor may use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from benchmarks.gpu_time.traced import Layer, Traced

# What is summed, and over which layers: ("depthwise conv", "macs").
Sums = Mapping[tuple[str, str], float]
# A batch starts each kernel once and reads each weight once, however many images are in it.
ONCE_A_BATCH = ("ops", "weights")
USUAL_KERNEL = 3 * 3  # larger ones have kernels of their own


def of_whole(network: Traced) -> Sums:
    """MACs, activations, bytes, weights and ops of the whole network."""
    return _sums(network, lambda layer: ("network",), _facts)


def of_kinds(network: Traced) -> Sums:
    """MACs, bytes read and written, weights and ops of each kind of layer."""
    return _sums(network, lambda layer: (layer.kind,), _facts)


def of_ops(network: Traced) -> Sums:
    """As `of_kinds`, and what sets layers of a kind apart.

    Each op that is no convolution by itself; convolutions with a large kernel or a stride; and how
    many MACs share an input channel, an output channel or both, for what few channels waste.
    """
    return _sums(network, _groups, lambda layer: _facts(layer) | _shared(layer))


def _sums(
    network: Traced,
    groups: Callable[[Layer], Sequence[str]],
    facts: Callable[[Layer], Mapping[str, float]],
) -> Sums:
    calls = np.bincount(network.order, minlength=len(network.layers)).tolist()
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for layer, number in zip(network.layers, calls, strict=True):
        of_layer = facts(layer)
        for group in groups(layer):
            for name, value in of_layer.items():
                sums[group, name] += number * value
    return sums


def _facts(layer: Layer) -> dict[str, float]:
    """Bytes of activations are told apart from those of weights, which a batch shares."""
    return {
        "ops": 1,
        "weights": layer.params,
        "read": layer.read_bytes - 4 * layer.params,
        "written": layer.write_bytes,
        "macs": layer.macs,
        "activations": layer.elements if layer.macs else 0,
    }


def _shared(layer: Layer) -> dict[str, float]:
    if not layer.macs:
        return {}
    inputs, outputs = channels(layer)
    return {
        "macs / in": layer.macs / inputs,
        "macs / out": layer.macs / outputs,
        "macs / in / out": layer.macs / inputs / outputs,
    }


def channels(layer: Layer) -> tuple[float, float]:
    """Input and output channels, of one group, of a layer with MACs."""
    summed = layer.macs / layer.elements
    if layer.kind.endswith("conv"):
        return max(summed / prod(layer.kernel), 1), max(layer.output[1] // layer.groups, 1)
    if layer.op == "scaled_dot_product_attention":
        return layer.output[-1], layer.output[-2]
    return max(summed, 1), layer.output[-1] if layer.output else 1


def _groups(layer: Layer) -> Sequence[str]:
    if not layer.kind.endswith("conv"):
        return (layer.kind, f"op {layer.op}")
    is_large = prod(layer.kernel) > USUAL_KERNEL
    is_strided = max(layer.stride, default=1) > 1
    return (
        layer.kind,
        *([f"{layer.kind}, large"] if is_large else []),
        *([f"{layer.kind}, strided"] if is_strided else []),
    )
