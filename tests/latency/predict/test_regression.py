"""What is learned from kernels that follow a law is the law."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from shufflenet_flops.errors import InputError
from shufflenet_flops.latency.predict.calibration import sample_of
from shufflenet_flops.latency.predict.conformal import factor, held_out_errors
from shufflenet_flops.latency.predict.distinct import distinct
from shufflenet_flops.latency.predict.kernels import Kernel
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.regression import fit
from shufflenet_flops.sources import resolve
from tests.latency.predict.laws import conv, law, lawful


def test_the_law_is_found() -> None:
    """Also for kernels that were not among the samples, within what was measured."""
    model = fit(lawful().timed())
    kernels = [conv(20, 56, 10), conv(33, 100, 28), conv(50, 40, 14)]

    assert model.seconds(kernels) == pytest.approx([law(kernel) for kernel in kernels], rel=1e-3)


def test_the_same_samples_give_the_same_model() -> None:
    """To the last bit, so that a budget in CI is the same on every run."""
    kernels = [conv(21, 57, 13)]
    first, second = (fit(lawful().timed()).seconds(kernels) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_a_kernel_takes_longer_in_a_longer_call() -> None:
    """By a fifth in networks that do a thousand times as much; nothing else tells them apart."""

    def timed(width: int, longer: bool) -> list[tuple[Kernel, float]]:
        kernel = conv(width, 2 * width, 14)._replace(whole=2**20 if longer else 2**10)
        return [(kernel, law(kernel) * (1.2 if longer else 1.0))]

    model = fit([timed(width, longer) for width in range(8, 200) for longer in (False, True)])
    short, long = (conv(40, 80, 14)._replace(whole=whole) for whole in (2**10, 2**20))
    ratio = model.seconds([long])[0] / model.seconds([short])[0]
    assert ratio == pytest.approx(1.2, rel=0.03)


def test_arrays_of_networks() -> None:
    """Whole networks at once take what their kernels take one by one."""
    model = fit(lawful().timed())
    widths = np.array([16, 24, 33])
    kernels = [
        Kernel("pointwise conv", 1, widths, 14, 14, 40, 14, 14),
        Kernel("pointwise conv", 1, 40, 14, 14, widths, 14, 14),
    ]

    expected = [
        model.seconds([conv(width, 40, 14), conv(40, width, 14)]).sum() for width in widths.tolist()
    ]
    assert model.networks(kernels, 3) == pytest.approx(expected)


def test_what_is_not_covered_is_named() -> None:
    """A kind that was not measured, and a kernel three times as large as the largest."""
    model = fit(lawful().timed())

    assert model.uncovered(conv(30, 60, 14)) == ""
    assert model.uncovered(Kernel("roll", 1, 8, 7, 7, 8, 7, 7)) == (
        "roll: no such kernel was measured"
    )
    assert "pointwise conv: macs" in model.uncovered(conv(400, 400, 28))
    assert model.uncovered(conv(30, 60, 14)._replace(groups=30)).startswith("pointwise conv: ")


def test_a_prediction_tells_its_share_and_its_doubts() -> None:
    """ShuffleNet V2 from pointwise convolutions alone: the rest is guessed, bounded, and named."""
    calibration = replace(lawful(), log_errors=(0.1,) * 40)
    prediction = Predictor(calibration).predict(resolve("shufflenet_v2_x0_5"))

    assert 0 < prediction.covered < 1
    assert any(text.startswith("depthwise conv: no such kernel") for text in prediction.uncovered)
    known = sum(kernel.seconds for kernel in prediction.kernels if kernel.covered)
    others = [kernel for kernel in prediction.kernels if not kernel.covered]
    assert all(kernel.most_s >= kernel.seconds for kernel in others)
    most = sum(kernel.most_s for kernel in others)
    assert prediction.covered == pytest.approx(known / (known + most))
    assert prediction.low_s == pytest.approx(known / math.exp(0.1))
    assert prediction.high_s == pytest.approx(known * math.exp(0.1) + most)
    assert prediction.low_s < prediction.predicted_s < prediction.high_s


def test_what_is_not_covered_is_as_slow_as_the_slowest_at_most() -> None:
    """Three kernels take thrice what the law says; an unknown kernel may take as long."""
    slow = [[(conv(32, 32, 14), 3 * law(conv(32, 32, 14)))]]
    model = fit([*lawful().timed(), *slow * 3])
    copy = Kernel("roll", 1, 64, 14, 14, 64, 14, 14)

    (guess,) = model.seconds([copy])
    assert model.at_most(copy) == pytest.approx(model.other.slowest * guess)
    assert model.other.slowest > 1.5
    assert model.at_most(conv(400, 400, 28)) >= model.seconds([conv(400, 400, 28)])[0]


def test_an_unknown_resize_reads_its_input_once_for_each_tap() -> None:
    """A bicubic one sixteen times, where a copy of as many bytes does it once."""
    copies = [Kernel("clone", 1, 64, size, size, 64, size, size) for size in range(7, 47)]
    read = [(kernel, 1e-10 * 4 * 64 * 2 * int(kernel.h_in) ** 2) for kernel in copies]
    model = fit([*lawful().timed(), read])
    once, bicubic = (
        Kernel("upsample_bicubic2d", 1, 3, 14, 14, 3, 28, 28, taps, taps) for taps in (1, 4)
    )

    first, second = model.seconds([once, bicubic])
    assert second - first == pytest.approx(15 * 1e-10 * 4 * 3 * 14 * 14)
    assert model.at_most(bicubic) > model.at_most(once)


def test_kernels_that_come_again_in_a_network() -> None:
    """Two networks of two equal kernels, and of one that is the same in both."""
    widths = np.array([16, 24])
    kernels = [conv(32, 40, 14), *[Kernel("pointwise conv", 1, widths, 14, 14, 40, 14, 14)] * 2]
    once = distinct([kernel.numbers for kernel in kernels], 2)

    assert once.times.tolist() == [1, 2]
    assert once.lines[:, 1].tolist() == [32, 16, 24]
    assert once.lines[once.which, 1].reshape(2, 2).tolist() == [[32, 32], [16, 24]]


def test_macs_alone() -> None:
    """The median, over the networks, of the seconds of a MAC."""
    calibration = lawful(3)
    model = fit([timed * 4 for timed in calibration.timed()])
    ratios = [
        sum(seconds for _, seconds in timed)
        / sum((law(kernel) - 5e-6) / 1e-10 for kernel, _ in timed)
        for timed in calibration.timed()
    ]
    assert model.macs_only_s == pytest.approx(sorted(ratios)[1], rel=1e-3)


def test_held_out_errors() -> None:
    """A whole that takes 1.2 times its kernels is off by log 1.2 in every network."""
    errors = held_out_errors(lawful(slower=1.2))

    assert len(errors) == 40
    assert errors == pytest.approx([math.log(1.2)] * 40, abs=2e-3)


def element(kind: str, size: int) -> tuple[Kernel, float]:
    """Work on the elements of a map, and its seconds."""
    return Kernel(kind, 1, 64, size, size, 64, size, size), 1e-6 + 1e-7 * size**2


def test_what_the_others_do_not_cover_is_left_out() -> None:
    """A third of the networks are of a kind of kernel that no other network has."""
    kinds: list[str] = []
    samples = []
    for i in range(60):
        first, second = ("add", "mul") if i % 2 else ("mul", "add")
        pair = [element(first, 50 + i % 5), element(second, 56)]
        timed = [element("clone", 20 + i)] if i % 3 == 0 else pair
        samples.append(sample_of(i, sum(s for _, s in timed), 0.0, timed, kinds))
    calibration = replace(lawful(), samples=tuple(samples), kinds=tuple(kinds))

    assert len(held_out_errors(calibration)) == 40


@pytest.mark.parametrize(
    ("number", "expected"),
    [(9, 9), (19, 18), (99, 90), (8, math.inf), (0, math.inf)],
)
def test_the_bound_is_an_order_statistic(number: int, expected: float) -> None:
    """Of n errors the ceil(0.9 (n + 1))-th; none where that is more than there are."""
    sizes = tuple((-1) ** i * math.log(i) for i in range(1, number + 1))
    assert factor(sizes) == pytest.approx(expected)


def test_too_few_samples() -> None:
    with pytest.raises(InputError, match="more networks"):
        fit(lawful(2).timed())
