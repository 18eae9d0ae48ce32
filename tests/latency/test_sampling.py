"""Rounds, repeats and statistics; no time is asserted."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from shufflenet_flops.latency.environment import environment
from shufflenet_flops.latency.sampling import WARMUP_ROUNDS, sample
from shufflenet_flops.latency.stats import Latency, Ratio, summarise
from shufflenet_flops.latency.warnings import warnings_about


def test_every_round_visits_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that slow drift hits all alike; the order changes from round to round."""
    monkeypatch.setattr("shufflenet_flops.latency.sampling._SHORTEST_S", 0.0)
    visits: list[str] = []
    calls = {name: (lambda name=name: visits.append(name)) for name in "abc"}
    samples = sample(calls, rounds=20)
    counted = visits[WARMUP_ROUNDS * 3 :]
    rounds = [tuple(counted[i : i + 3]) for i in range(0, len(counted), 3)]

    assert {name: len(times) for name, times in samples.items()} == {"a": 20, "b": 20, "c": 20}
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) > 1


def test_the_collector_is_off_during_samples_and_back_after_a_failure() -> None:
    """Also when a call raises."""
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        if len(seen) > 5:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        sample({"a": call}, rounds=100)

    assert not any(seen)
    assert gc.isenabled()


def test_progress_is_told() -> None:
    """The name, the round and their number."""
    told: list[tuple[str, int, int]] = []
    sample({"a": lambda: None}, rounds=3, progress=lambda *args: told.append(args))

    assert told == [("a", 0, 3), ("a", 1, 3), ("a", 2, 3)]


def test_median_quartiles_and_ratio() -> None:
    """A call that takes twice as long, under noise that both share."""
    noise = np.random.default_rng(1).uniform(1, 1.5, 50)
    latency = summarise(list(2 * noise), ("reference", list(noise)))

    assert latency.q1 <= latency.median <= latency.q3
    assert latency.runs == len(latency.samples) == 50
    assert latency.ratio is not None
    assert latency.ratio.low <= latency.ratio.ratio <= latency.ratio.high
    assert latency.ratio.ratio == pytest.approx(2)
    assert latency.ratio.clear


def test_the_same_thing_twice_is_no_clear_difference() -> None:
    """The interval holds 1."""
    rng = np.random.default_rng(2)
    latency = summarise(list(rng.uniform(1, 2, 60)), ("itself", list(rng.uniform(1, 2, 60))))

    assert latency.ratio is not None
    assert not latency.ratio.clear


def test_unstable_times_are_warned_about_with_a_next_step() -> None:
    """An interquartile range over a tenth of the median."""
    steady = Latency(1.0, 0.99, 1.01, 10, (1.0,) * 10)
    shaky = Latency(1.0, 0.8, 1.2, 10, (1.0,) * 10, Ratio("steady", 1.0, 0.9, 1.1))
    (warning,) = [text for text in warnings_about({"a": steady, "b": shaky}) if "vary" in text]

    assert "b 40%" in warning
    assert "raise --runs" in warning
    assert not [text for text in warnings_about({"a": steady}) if "vary" in text]


def test_environment_names_no_host_and_no_user() -> None:
    """Only what a reader needs to judge a figure."""
    import getpass
    import platform

    stamp = environment()
    text = repr(stamp)

    assert stamp.packages["torch"].startswith("2.")
    assert stamp.cores >= 1
    assert platform.node() not in text
    assert f"'{getpass.getuser()}'" not in text
