"""Rounds, warm-up, repeats and statistics; no time is asserted."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.environment import environment
from shufflenet_flops.errors import ClockError, InputError
from shufflenet_flops.latency.sampling import (
    MAX_WARMUP_ROUNDS,
    MIN_ROUNDS,
    Interrupted,
    sample,
    timer_for,
    wall_clock,
)
from shufflenet_flops.latency.stats import Latency, Ratio, summarise, unpaired_ratio
from shufflenet_flops.latency.warnings import warnings_about


def nothing() -> None:
    """A call that takes no time."""


class Clock:
    """A timer that makes times up and remembers who was timed, and how many calls in a row."""

    def __init__(self, times: Callable[[int], float] = lambda visit: 1.0) -> None:
        self.visits: list[tuple[Callable[[], object], int]] = []
        self._times = times

    def __call__(self, call: Callable[[], object], repeats: int) -> float:
        self.visits.append((call, repeats))
        return self._times(len(self.visits))


def test_every_round_visits_every_call() -> None:
    """So that slow drift hits all alike; the order changes from round to round."""
    clock = Clock()
    calls = {name: (lambda name=name: name) for name in "abc"}
    samples = sample(calls, rounds=20, timer=clock)
    visited = [str(call()) for call, _ in clock.visits[-60:]]
    rounds = [tuple(visited[i : i + 3]) for i in range(0, 60, 3)]

    assert {name: len(times) for name, times in samples.items()} == {"a": 20, "b": 20, "c": 20}
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) > 1


def test_warm_up_goes_on_until_no_call_gets_faster() -> None:
    """Halving times are not settled; equal times are after four."""
    steady, falling = Clock(), Clock(lambda visit: 2.0**-visit)
    sample({"a": nothing}, rounds=2, timer=steady)
    sample({"a": nothing}, rounds=2, timer=falling)

    assert len(steady.visits) == 4 + 2
    assert len(falling.visits) == MAX_WARMUP_ROUNDS + 2


def test_short_calls_are_sampled_several_in_a_row() -> None:
    """As many as last 5 ms, after one that is not timed; long ones singly."""
    calls: list[int] = []
    short, long = Clock(lambda visit: 1e-4), Clock()
    sample({"a": lambda: calls.append(1)}, rounds=3, timer=short)
    sample({"a": nothing}, rounds=3, timer=long)

    assert [repeats for _, repeats in short.visits[-3:]] == [50] * 3
    assert len(calls) == 3
    assert [repeats for _, repeats in long.visits[-3:]] == [1] * 3


def test_rounds_fill_the_time_asked_for() -> None:
    """And are no fewer than 15, nor than 2 where they are asked for."""
    fast = sample({"a": nothing, "b": nothing}, min_time_s=2, timer=Clock(lambda visit: 0.01))
    slow = sample({"a": nothing}, min_time_s=2, timer=Clock())

    assert len(fast["a"]) == len(fast["b"]) == 200
    assert len(slow["a"]) == MIN_ROUNDS
    with pytest.raises(InputError, match="at least 2"):
        sample({"a": nothing}, rounds=1)


def test_the_collector_is_off_during_samples_and_back_after_a_failure() -> None:
    """Also when a call raises."""
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        if len(seen) > 5:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        sample({"a": lambda: call()}, rounds=100, timer=lambda call, repeats: call() or 1.0)

    assert not any(seen)
    assert gc.isenabled()


def test_an_interrupt_keeps_the_rounds_that_were_complete() -> None:
    """For whoever wants them; for everybody else it is a KeyboardInterrupt."""

    def times(visit: int) -> float:
        if visit == 2 * 4 + 2 * 3 + 2:  # warm-up, three rounds, the second call of the fourth
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt) as caught:
        sample({"a": nothing, "b": nothing}, rounds=10, timer=Clock(times))

    assert isinstance(caught.value, Interrupted)
    assert caught.value.samples == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_progress_is_told() -> None:
    """The name, the round and their number."""
    told: list[tuple[str, int, int]] = []
    sample({"a": nothing}, rounds=3, progress=lambda *args: told.append(args), timer=Clock())

    assert told == [("a", 0, 3), ("a", 1, 3), ("a", 2, 3)]


def test_the_processor_is_timed_by_its_clock() -> None:
    """A time per call, of as many as were asked for."""
    calls: list[int] = []

    assert timer_for("cpu") is wall_clock
    assert wall_clock(lambda: calls.append(1), 7) > 0
    assert len(calls) == 7


def test_median_quartiles_and_ratio() -> None:
    """A call that takes twice as long, under noise that both share, is so in every round."""
    noise = np.random.default_rng(1).uniform(1, 5, 50)
    latency = summarise(list(2 * noise), ("reference", list(noise)))

    assert latency.q1 <= latency.median <= latency.q3
    assert latency.runs == len(latency.samples) == 50
    assert latency.ratio is not None
    assert latency.ratio.low == pytest.approx(2)
    assert latency.ratio.ratio == pytest.approx(2)
    assert latency.ratio.high == pytest.approx(2)
    assert latency.ratio.clear


def test_the_same_thing_twice_is_no_clear_difference() -> None:
    """The interval holds 1, of pairs and of two runs."""
    rng = np.random.default_rng(2)
    a, b = (list(rng.uniform(1, 2, 60)) for _ in range(2))
    paired = summarise(a, ("itself", b)).ratio
    unpaired = unpaired_ratio(a, "itself", b)

    assert paired is not None
    assert not paired.clear
    assert not unpaired.clear
    assert unpaired.low < unpaired.ratio < unpaired.high


def test_different_runs_are_told_apart() -> None:
    """By the ratio of medians."""
    rng = np.random.default_rng(3)
    ratio = unpaired_ratio(list(rng.uniform(2, 3, 40)), "faster", list(rng.uniform(1, 2, 60)))

    assert ratio.clear
    assert 1.2 < ratio.low < ratio.high < 2.2


def test_outliers_are_counted_and_kept() -> None:
    """One sample far out of ten others."""
    times = [1.0, 1.01, 1.02, 0.99, 0.98, 1.0, 1.01, 1.0, 0.99, 1.02, 9.0]
    latency = summarise(times)

    assert latency.outliers == 1
    assert latency.samples == tuple(times)
    assert latency.median == 1.0


def test_doubts_come_with_a_next_step() -> None:
    """Spread, drift, outliers and calls too short to time, each by itself."""
    steady = Latency(1.0, 0.99, 1.01, 10, (1.0,) * 10)
    doubtful = {
        "vary": Latency(1.0, 0.8, 1.2, 10, (1.0,) * 10, Ratio("steady", 1.0, 0.9, 1.1)),
        "changed while": Latency(1.1, 1.09, 1.11, 10, (1.0,) * 5 + (1.2,) * 5),
        "outliers": Latency(1.0, 0.99, 1.01, 10, (1.0,) * 9 + (5.0,)),
        "less than 20 µs": Latency(1e-5, 0.99e-5, 1.01e-5, 10, (1e-5,) * 10),
    }
    steps = ("raise --runs", "run again", "raise --runs", "larger --input")
    for (word, latency), step in zip(doubtful.items(), steps, strict=True):
        (warning,) = [text for text in warnings_about({"a": steady, "b": latency}) if word in text]

        assert step in warning
        assert not [text for text in warnings_about({"a": steady}) if word in text]
    (spread,) = [text for text in warnings_about({"b": doubtful["vary"]}) if "vary" in text]

    assert "b 40%" in spread


@pytest.mark.parametrize(("governor", "doubted"), [("powersave", True), ("performance", False)])
def test_a_scaled_processor_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, governor: str, doubted: bool
) -> None:
    """Where its governor can be read."""
    monkeypatch.setattr("shufflenet_flops.latency.warnings.governor", lambda: governor)
    steady = Latency(1.0, 0.99, 1.01, 10, (1.0,) * 10)

    assert any("governor" in text for text in warnings_about({"a": steady})) is doubted


def test_a_busy_machine_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """When more wants to run than there are cores."""
    steady = Latency(1.0, 0.99, 1.01, 10, (1.0,) * 10)
    for load, doubted in ((99.0, True), (0.0, False)):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, load, load))

        assert any("busy" in text for text in warnings_about({"a": steady})) is doubted


def test_environment_names_no_host_no_user_and_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a reader needs to judge a figure."""
    for name in ("platform.node", "socket.gethostname", "getpass.getuser"):
        monkeypatch.setattr(name, lambda: "of-mine")
    arguments = ["latency", "resnet18", "-o", "/srv/of/mine/run.json", "--path=/srv/of/mine"]
    monkeypatch.setattr("sys.argv", ["shufflenet-flops", *arguments])
    stamp = environment()
    text = repr(stamp)

    assert stamp.packages["torch"].startswith("2.")
    assert stamp.cores >= 1
    assert stamp.command == "shufflenet-flops latency resnet18 -o run.json --path=mine"
    assert bool(stamp.revision) is (Path(__file__).parents[2] / ".git").exists()
    assert "of-mine" not in text
    assert "/srv" not in text


def test_a_clock_that_stands_still(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a virtual machine that is paused: no rounds without end, and nothing of a defect."""
    monkeypatch.setattr("time.perf_counter", lambda: 1.0)

    with pytest.raises(ClockError, match="stands still"):
        sample({"a": lambda: None})
    for command in (
        ["latency", "shufflenet_unit", "--engine", "eager", "--runs", "3"],
        ["compare", "--c", "240", "--g", "3"],
    ):
        assert run(command) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines()[-1].startswith("error: the clock of this machine stands")
