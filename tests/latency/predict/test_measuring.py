"""Networks are timed in turn, the least counts, and those that do not add up are timed again."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.predict import measuring
from shufflenet_flops.latency.predict.calibration import Calibration
from shufflenet_flops.latency.predict.kernels import Fusion
from shufflenet_flops.latency.predict.networks import RandomNetwork
from shufflenet_flops.latency.predict.profilers.protocol import Profile, Profiler
from tests.latency.predict.laws import lawful


class Scripted(Profiler):
    """Takes 3, 1, 2, 2, … seconds for a network; its kernels take `share` of it together."""

    name = "onnxruntime"
    fusion = Fusion(norm=True)

    def __init__(self, share: float) -> None:
        self.share = share
        self.timed: list[int] = []

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """As scripted, all kernels alike."""
        self.timed.append(network.number)
        seconds = (3.0, 1.0, 2.0, 2.0, 2.0)[self.timed.count(network.number) - 1]
        return Profile(seconds, dict.fromkeys(paths, self.share * seconds / len(paths)))


def grown(
    monkeypatch: pytest.MonkeyPatch, profiler: Profiler, begun: Calibration, budget_s: float
) -> list[Calibration]:
    """The calibration at each step, by a clock that goes on by a second whenever it is read."""
    monkeypatch.setattr(measuring, "find_profiler", lambda name: profiler)
    clock = count()
    steps = measuring.measured(begun, budget_s, 40, lambda: float(next(clock)))
    return [calibration for calibration, _ in steps]


def test_the_least_of_three_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """All networks of a group are timed before one is timed again."""
    profiler = Scripted(share=0.98)
    begun = replace(lawful(), samples=(), kinds=())

    steps = grown(monkeypatch, profiler, begun, budget_s=1.5)

    assert profiler.timed == [*range(16)] * 3
    samples = steps[-1].samples
    assert [sample.number for sample in samples] == [*range(16)]
    assert {sample.seconds for sample in samples} == {1.0}
    assert {sample.gap for sample in samples} == {0.02}
    for timed in steps[-1].timed():
        assert sum(seconds for _, seconds in timed) == pytest.approx(
            1.0, rel=0.005
        )  # of three digits each


def test_what_does_not_add_up_is_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice more at most, and kept with its gap."""
    profiler = Scripted(share=1.5)
    steps = grown(monkeypatch, profiler, replace(lawful(), samples=(), kinds=()), budget_s=1.5)

    assert profiler.timed == [*range(16)] * 5
    assert {sample.gap for sample in steps[-1].samples} == {0.5}


def test_it_goes_on_after_the_last_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the number asked for, whatever is left of the budget."""
    begun = lawful(30)
    steps = grown(monkeypatch, Scripted(share=1.0), begun, budget_s=1000)

    assert steps[-1].samples[:30] == begun.samples
    assert [sample.number for sample in steps[-1].samples] == [*range(40)]
