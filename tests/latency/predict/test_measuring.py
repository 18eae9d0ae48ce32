"""Networks are timed in turn, the least counts, and those that do not add up are timed again."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from shufflenet_flops.latency.engines.protocol import EngineError, Setup
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

    steps = grown(monkeypatch, profiler, begun, budget_s=18)

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
    steps = grown(monkeypatch, profiler, replace(lawful(), samples=(), kinds=()), budget_s=18)

    assert profiler.timed == [*range(16)] * 5
    assert {sample.gap for sample in steps[-1].samples} == {0.5}


class Choosy(Scripted):
    """Takes networks of an odd number alone, or none."""

    def __init__(self, takes: int) -> None:
        super().__init__(1.0)
        self.takes = takes

    def profile(
        self, network: RandomNetwork, paths: frozenset[str], setup: Setup, repeats: int
    ) -> Profile:
        """As scripted."""
        if network.number % 2 != self.takes:
            raise EngineError(f"no {network.number}")
        return super().profile(network, paths, setup, repeats)


def test_what_an_engine_does_not_take_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once."""
    profiler = Choosy(takes=1)
    steps = grown(monkeypatch, profiler, replace(lawful(), samples=(), kinds=()), budget_s=18)

    assert profiler.timed == [*range(1, 16, 2)] * 3
    assert [sample.number for sample in steps[-1].samples] == [*range(1, 16, 2)]


def test_an_engine_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="takes none of 16 random networks: no 15"):
        grown(monkeypatch, Choosy(2), replace(lawful(), samples=(), kinds=()), budget_s=18)


def test_the_time_ends_among_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun is timed again; what was not is left, and comes first the next time."""
    begun = replace(lawful(), samples=(), kinds=())
    profiler = Scripted(share=1.0)
    (*_, first) = grown(monkeypatch, profiler, begun, budget_s=4)

    assert profiler.timed == [0, 1] * 3
    (*_, second) = grown(monkeypatch, profiler, first, budget_s=4)
    assert [sample.number for sample in second.samples] == [0, 1, 2, 3]


def test_it_goes_on_after_the_last_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the number asked for, whatever is left of the budget."""
    begun = lawful(30)
    steps = grown(monkeypatch, Scripted(share=1.0), begun, budget_s=1000)

    assert steps[-1].samples[:30] == begun.samples
    assert [sample.number for sample in steps[-1].samples] == [*range(40)]
