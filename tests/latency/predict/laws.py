"""Calibrations whose kernels follow a law, so that what is learned can be worked out by hand."""

from __future__ import annotations

from shufflenet_flops.latency.predict.calibration import SCHEMA, Calibration, Sample, sample_of
from shufflenet_flops.latency.predict.features import MACS, features, matrix
from shufflenet_flops.latency.predict.kernels import FIELDS, Kernel
from shufflenet_flops.latency.predict.regression import HYPERPARAMETERS

SECOND_OF_A_MAC = 1e-10
SECONDS_OF_A_KERNEL = 5e-6


def conv(c_in: int, c_out: int, size: int) -> Kernel:
    """A pointwise convolution."""
    return Kernel("pointwise conv", 1, c_in, size, size, c_out, size, size)


def law(kernel: Kernel) -> float:
    """Seconds: so much for each MAC, and so much for each kernel."""
    macs = features(kernel.kind, matrix([kernel]))[0, MACS]
    return float(SECOND_OF_A_MAC * macs + SECONDS_OF_A_KERNEL)


def lawful(networks: int = 40, engine: str = "onnxruntime", slower: float = 1.0) -> Calibration:
    """Networks of three convolutions each, whose whole takes `slower` times what the law says."""
    kinds: list[str] = []
    samples: list[Sample] = []
    for number in range(networks):
        kernels = [
            conv(16 + number, 32 + 8 * (number % 11), size) for size in (7 + number % 5, 14, 28)
        ]
        timed = [(kernel, law(kernel)) for kernel in kernels]
        whole = slower * sum(seconds for _, seconds in timed)
        samples.append(sample_of(number, whole, 0.01, timed, kinds))
    return Calibration(
        version=SCHEMA,
        engine=engine,
        engine_version="1.2",
        machine="a machine",
        cores=2,
        threads=1,
        dtype="float32",
        date="2026-01-31T00:00:00+00:00",
        fields=FIELDS,
        kinds=tuple(kinds),
        samples=tuple(samples),
        hyperparameters=dict(HYPERPARAMETERS),
    )
