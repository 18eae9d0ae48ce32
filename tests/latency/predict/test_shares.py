"""The time of kernels is worked out from that of whole networks."""

from __future__ import annotations

import pytest

from shufflenet_flops.latency.predict.calibration import Timed
from shufflenet_flops.latency.predict.kernels import Kernel
from shufflenet_flops.latency.predict.regression import HYPERPARAMETERS, fit
from shufflenet_flops.latency.predict.shares import learn, worked_out
from tests.latency.predict.laws import conv, law, lawful


def copy(size: int) -> Kernel:
    """A pass over a map: 50 ns for each position, and 2 µs."""
    return Kernel("clone", 1, 64, size, size, 64, size, size)


def truth(kernel: Kernel) -> float:
    return law(kernel) if kernel.kind == "pointwise conv" else 2e-6 + 5e-8 * int(kernel.h_in) ** 2


def alike(number: int) -> list[list[Timed]]:
    """Networks of one to three convolutions and one to four copies, all with an equal share."""
    networks = []
    for i in range(number):
        kernels = [conv(16 + i % 50, 32 + 8 * (i % 11), 7 + k) for k in range(1 + i % 3)]
        kernels += [copy(7 + (i + k) % 40) for k in range(1 + i % 4)]
        share = sum(map(truth, kernels)) / len(kernels)
        networks.append([(kernel, share) for kernel in kernels])
    return networks


def test_kernels_add_up_and_are_told_apart() -> None:
    """Two laws are found from sums alone, within a tenth for nearly all kernels."""
    given = alike(120)
    found = worked_out(given, HYPERPARAMETERS)

    for before, after in zip(given, found, strict=True):
        assert [kernel for kernel, _ in after] == [kernel for kernel, _ in before]
        whole = sum(seconds for _, seconds in before)
        assert sum(seconds for _, seconds in after) == pytest.approx(whole)
    errors = sorted(abs(s / truth(kernel) - 1) for timed in found for kernel, s in timed)
    assert errors[int(0.8 * len(errors))] < 0.1
    unlike = sorted(abs(s / truth(kernel) - 1) for timed in given for kernel, s in timed)
    assert unlike[int(0.8 * len(unlike))] > 0.3


def test_only_of_engines_that_tell_no_kernels() -> None:
    kernels = [conv(20, 56, 10), conv(33, 100, 28)]
    networks = lawful().timed()
    told = learn(lawful(), networks).seconds(kernels)
    assert told.tolist() == fit(networks).seconds(kernels).tolist()

    whole = learn(lawful(engine="ncnn"), networks).seconds(kernels)
    expected = fit(worked_out(networks, HYPERPARAMETERS)).seconds(kernels)
    assert whole.tolist() == expected.tolist()
