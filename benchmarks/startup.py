"""How long commands take from nothing, against importing the packages they stand on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median, quantiles

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from shufflenet_flops.latency.sampling import sample
from shufflenet_flops.latency.stats import summarise

ROUNDS = 15
OURS = [sys.executable, "-m", "shufflenet_flops"]
_NETS = "tests/closed_form/nets.py"
PAIRS = [
    (["count", "shufflenet_v1_x1_0_g3"], "import torch", 0.25),
    (["models"], "import torch", 0.25),
    (["paper"], "import torch", 0.6),
    (["paper", "shufflenet_v1_table_1"], "import torch", 0.25),
    (
        ["count", f"{_NETS}:Strided"],
        f"import torch, runpy; runpy.run_path('{_NETS}')['Strided']()",
        1.3,
    ),
    (["compare", "--no-latency"], "import torch, fvcore.nn, thop, pandas", 1.5),
]


def section() -> str:
    """A Markdown section: each command's time over the import's, and the time of one count."""
    lines = [
        "## Start-up",
        "",
        f"Whole processes, medians of {ROUNDS} interleaved rounds; the ratio with a 95 % bootstrap",
        "interval.",
        "",
        "| command | against `python -c` | ratio | 95 % | goal | |",
        "| :--- | :--- | ---: | ---: | ---: | :--- |",
    ]
    for arguments, statement, goal in PAIRS:
        calls = {
            "reference": _process([sys.executable, "-c", statement]),
            "ours": _process([*OURS, *arguments]),
        }
        samples = sample(calls, rounds=ROUNDS)
        ratio = summarise(samples["ours"], ("reference", samples["reference"])).ratio
        assert ratio is not None
        verdict = "met" if ratio.ratio <= goal else "missed"
        lines.append(
            f"| `shufflenet-flops {' '.join(arguments)}` | `{statement}` | {ratio.ratio:.2f} | "
            f"{ratio.low:.2f} to {ratio.high:.2f} | {goal} | {verdict} |"
        )
    times = [_count() for _ in range(200)]
    low, _, high = quantiles(times, n=4)
    lines += [
        "",
        f"Counting ShuffleNet 1x, g=3, from its spec: {median(times) * 1e3:.2f} ms (quartiles "
        f"{low * 1e3:.2f} to {high * 1e3:.2f}; goal 3 ms).",
        "",
    ]
    return "\n".join(lines)


def _process(command: list[str]) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def _count() -> float:
    model = zoo.find("shufflenet_v1_x1_0_g3")
    start = time.perf_counter()
    layer_table(model.spec, model.input)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(section())
