"""Whether latency's intervals can be trusted: nothing where nothing is, and 10 % where it is."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.measure import TimingPlan, measure
from shufflenet_flops.latency.roofline import measure_peaks
from shufflenet_flops.latency.sampling import sample
from shufflenet_flops.latency.saved import Run, changes
from shufflenet_flops.latency.stats import paired_ratio
from shufflenet_flops.latency.warnings import warnings_about
from shufflenet_flops.report.view.latency import latencies
from shufflenet_flops.sources import resolve

PAIRS = 60
ROUNDS = 25
AA_MODEL = "shufflenet_unit@c=240,g=3,h=28,w=28"
TWICE = ("shufflenet_v1_x0_5_g3", "shufflenet_v1_x1_0_g3", "mobilenet_v1_x0_5", "resnet18")
WIDTHS = (160, 176)  # output channels: the second has 10 % more MACs
Call = Callable[[], object]


@dataclass(frozen=True)
class Rate:
    """How often, of `pairs`, the interval said what it should."""

    what: str
    said: int
    pairs: int
    goal: float

    def line(self) -> str:
        rate = self.said / self.pairs
        verdict = "met" if rate >= self.goal else "missed"
        count = f"{self.said} of {self.pairs}"
        return f"| {self.what} | {count} | {rate:.0%} | {self.goal:.0%} | {verdict} |"


def section() -> str:
    """A Markdown section with the rates, and two whole runs in a row."""
    same, wider = _same(), _wider()
    rates = [
        Rate("same model twice: the interval holds 1", _holds_one(same), PAIRS, 0.9),
        Rate("10 % more MACs: the interval is above 1", _is_above_one(wider), PAIRS, 0.8),
    ]
    with _busy_core():
        loaded = _holds_one(same)
        rates.append(
            Rate("same model twice, one core busy: the interval holds 1", loaded, PAIRS, 0.9)
        )
        rates.append(
            Rate(
                "10 % more MACs, one core busy: the interval is above 1",
                _is_above_one(wider),
                PAIRS,
                0.8,
            )
        )
    return "\n".join(
        [
            "## Latency",
            "",
            f"95 % intervals of the ratio of two eager calls over {ROUNDS} rounds. The same model "
            "is ShuffleNet's unit on",
            "240x28x28, the same call as both sides; more MACs are a dense 3x3 convolution of "
            f"{WIDTHS[1]} against {WIDTHS[0]} output channels.",
            "",
            "| what | pairs | rate | goal | |",
            "| :--- | ---: | ---: | ---: | :--- |",
            *(rate.line() for rate in rates),
            "",
            _two_runs(),
            "",
        ]
    )


def _same() -> list[Call]:
    """One call as both sides: two builds lie differently in memory, which is a difference."""
    source = resolve(AA_MODEL)
    call = find_engine("eager").prepare(source.module(), source.example_inputs(), Setup())
    return [call, call]


def _wider() -> list[Call]:
    engine, x = find_engine("eager"), torch.randn(1, 128, 28, 28)
    return [
        engine.prepare(nn.Conv2d(128, width, 3, padding=1).eval(), [x], Setup()) for width in WIDTHS
    ]


def _holds_one(calls: list[Call]) -> int:
    return sum(low <= 1 <= high for low, high in _intervals(calls))


def _is_above_one(calls: list[Call]) -> int:
    return sum(low > 1 for low, _ in _intervals(calls))


def _intervals(calls: list[Call]) -> Iterator[tuple[float, float]]:
    """Intervals of the second call's time over the first's, one per pair."""
    for seed in range(PAIRS):
        samples = sample(dict(zip("ab", calls, strict=True)), rounds=ROUNDS, seed=seed)
        ratio = paired_ratio(samples["b"], "a", samples["a"])
        yield ratio.low, ratio.high


@contextlib.contextmanager
def _busy_core() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _two_runs() -> str:
    """Two runs one after the other, and whether the tool itself doubts them."""
    plan = TimingPlan(Setup(), measure_peaks(Setup()))
    engines = [find_engine(name) for name in ("eager", "channels-last", "onnxruntime", "openvino")]
    usable = [engine for engine in engines if not engine.missing()]
    runs = [
        Run(tuple(measure([resolve(name) for name in TWICE], usable, plan)), {}) for _ in range(2)
    ]
    found = changes(*runs)
    within = sum(change.within for change in found)
    doubts = [doubt for run in runs for doubt in warnings_about(latencies(run.rows))]
    unstable = any("vary" in doubt or "changed" in doubt or "busy" in doubt for doubt in doubts)
    return (
        f"Two runs in a row of {len(TWICE)} networks on {len(usable)} engines: {within} of "
        f"{len(found)} rows have medians within each other's quartiles, and `latency` "
        f"{'warned' if unstable else 'did not warn'} that the machine was unstable."
    )


if __name__ == "__main__":
    print(section())
