"""How many configurations a sweep counts in a second, and what memory it takes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median, quantiles

from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.sweep.axes import parse_axis
from shufflenet_flops.design.sweep.plan import Plan, chunks, count_chunk
from shufflenet_flops.errors import SpecError
from shufflenet_flops.latency.predict.prediction import Predictor
from shufflenet_flops.latency.predict.shipped import find_calibration
from shufflenet_flops.latency.stats import summarise
from shufflenet_flops.zoo.designs import find_design

ROUNDS = 15
TIMED_ROUNDS = 3
TIMED_GOAL = 20_000  # whole networks a second
LOOPED = 40  # configurations in one sample of the plain loop


def _plan(design: str, **axes: str) -> Plan:
    return Plan((design,), tuple(parse_axis(name, text) for name, text in axes.items()))


# Two thirds of the units make a network; all of the ShuffleNets do.
UNITS = _plan("shufflenet_unit", c="16:8192:8", g="1,2,3,4,8", h="7:224:7")
NETWORKS = _plan("shufflenet_v1", c="384:38400:384", g="1,2,3,4,8", h="32:512:16", w="32:512:16")
CASES = (
    ("ShuffleNet units", UNITS, 2_000_000, None),
    ("whole ShuffleNets", NETWORKS, 100_000, 100),
)


def _seconds(
    calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Processor time of each call in interleaved rounds: one core's, whoever else uses the machine.

    Nothing here waits, so on an idle machine it is the time on the clock.
    """
    order = random.Random(0)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name in order.sample(list(calls), len(calls)):
            start = time.process_time()
            calls[name]()
            samples[name].append(time.process_time() - start)
    return samples


def section() -> str:
    """A Markdown section: configurations a second, against a plain loop, growth and memory."""
    return "\n".join([*_speed(), *_predicted(), *_growth(), *_memory()])


def _speed() -> list[str]:
    lines = [
        "## Sweeps",
        "",
        "All count metrics and the Pareto front in one core's processor time, output excluded:",
        "one chunk over arrays, against the same walk in a plain loop over ints on configurations",
        f"drawn from that chunk. Medians of {ROUNDS} interleaved rounds; quartiles, and a 95 %",
        "bootstrap interval of the ratio.",
        "",
        "| what | configurations a second | quartiles | goal | | loop, a second | times the loop | "
        "95 % | goal | |",
        "| :--- | ---: | ---: | ---: | :--- | ---: | ---: | ---: | ---: | :--- |",
    ]
    for name, plan, goal, ratio_goal in CASES:
        size = min(plan.chunk, plan.size(find_design(plan.designs[0])))
        samples = _seconds({"loop": _loop(plan), "arrays": _arrays(plan)})
        rates = [size / time for time in samples["arrays"]]
        low, _, high = quantiles(rates, n=4)
        ratio = summarise(samples["loop"], ("arrays", samples["arrays"])).ratio
        assert ratio is not None
        scale = size / LOOPED
        wanted, verdict = "–", ""
        if ratio_goal is not None:
            wanted, verdict = str(ratio_goal), _verdict(ratio.ratio * scale >= ratio_goal)
        lines.append(
            f"| {name} | {median(rates):,.0f} | {low:,.0f} to {high:,.0f} | {goal:,} | "
            f"{_verdict(median(rates) >= goal)} | {LOOPED / median(samples['loop']):,.0f} | "
            f"{ratio.ratio * scale:,.0f} | {ratio.low * scale:,.0f} to {ratio.high * scale:,.0f} | "
            f"{wanted} | {verdict} |"
        )
    return [*lines, ""]


def _predicted() -> list[str]:
    """How many whole networks have their time predicted in a second, beside all count metrics."""
    predictor = Predictor(find_calibration("onnxruntime")[0])
    plan = replace(
        NETWORKS,
        minimise=("time_s",),
        maximise=("macs",),
        chunk=2**15,
        predicted=predictor.calibration.name,
    )
    first = next(chunks(plan))
    size = first.stop - first.start
    samples = _seconds({"time": lambda: count_chunk(plan, first, predictor.seconds)}, TIMED_ROUNDS)
    rate = size / median(samples["time"])
    return [
        f"With the predicted time of each on ONNX Runtime, and the front of time and MACs, it is "
        f"{rate:,.0f} whole ShuffleNets a second (goal {TIMED_GOAL:,}: "
        f"{_verdict(rate >= TIMED_GOAL)}; {size:,} at once, median of {TIMED_ROUNDS}).",
        "",
    ]


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def _arrays(plan: Plan) -> Callable[[], object]:
    first = next(chunks(plan))
    return lambda: count_chunk(plan, first)


def _loop(plan: Plan) -> Callable[[], object]:
    """The int walk over configurations drawn from the plan's first chunk."""
    design = find_design(plan.designs[0])
    first = next(chunks(plan))
    drawn = []
    for index in random.Random(0).sample(range(first.start, first.stop), LOOPED):
        values = {}
        for axis in reversed(plan.axes_of(design)):
            index, position = divmod(index, len(axis))
            values[axis.name] = axis[position]
        drawn.append(values)

    def call() -> None:
        for values in drawn:
            try:
                network = design.build(**design.fill(values))
                totals(network.spec, network.input)
            except SpecError:
                continue

    return call


def _growth() -> list[str]:
    """The time of ten chunks over that of one, which is 10 where time is linear."""
    plan = replace(UNITS, chunk=UNITS.chunk // 8)
    ten = [chunk for chunk, _ in zip(chunks(plan), range(10), strict=False)]
    samples = _seconds(
        {
            "one": lambda: count_chunk(plan, ten[5]),
            "ten": lambda: [count_chunk(plan, chunk) for chunk in ten],
        }
    )
    ratio = summarise(samples["ten"], ("one", samples["one"])).ratio
    assert ratio is not None
    return [
        f"Ten times the configurations take {ratio.ratio:.2f} times as long "
        f"({ratio.low:.2f} to {ratio.high:.2f}).",
        "",
    ]


_PEAK = """
import sys, tempfile
from shufflenet_flops.cli.app import run
with tempfile.TemporaryDirectory() as folder:
    saved = ["--save", folder + "/rows"] if sys.argv[2] == "saved" else []
    assert run(["sweep", "conv_unit", "--c", "1:1000", "--h", "1:" + sys.argv[1], "--chunk",
                "50000", "--workers", "1", "--quiet", "-o", folder + "/front.json", *saved]) == 0
# Not of `getrusage`, which starts with what the parent process had.
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def _memory() -> list[str]:
    """Peak resident memory of a whole process, by size of the sweep, with one chunk size."""
    lines = [
        "Peak memory of the whole process, in chunks of 50,000:",
        "",
        "| configurations | rows not saved | rows saved as Parquet |",
        "| ---: | ---: | ---: |",
    ]
    for heights in (200, 2000):
        peaks = [_peak(heights, how) for how in ("counted", "saved")]
        cells = " | ".join(f"{peak / 1024:,.0f} MiB" for peak in peaks)
        lines.append(f"| {1000 * heights:,} | {cells} |")
    return [*lines, ""]


def _peak(heights: int, how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(heights), how],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1])


def main() -> None:
    """Print the section."""
    print(section())


if __name__ == "__main__":
    main()
