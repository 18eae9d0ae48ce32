"""This checkout beside an earlier commit, in one run: commands, traces, sweeps and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from shufflenet_flops.latency.stats import summarise

ROOT = Path(__file__).parents[1]
ROUNDS = 15
TRACE_ROUNDS = 5  # of processes, each with a median of 50 traces
COMMANDS = (
    *("--help", "models", "models shufflenet_v1*", "count resnet50", "check"),
    "formula --unit shufflenet",
    *("paper shufflenet_v1_table_1", "fit shufflenet_v1 --macs 140M"),
    "sweep shufflenet_unit --c 12:9600:12 --g 1,2,3,4,6 --h 7:112:1 --quiet",
    "sweep shufflenet_v1 --c 48:4800:48 --g 1,2,3,4,8 --classes 1:1000:5 --quiet",
)
NETWORKS = (
    *("resnet50", "shufflenet_v2_x1_0", "densenet121"),
    *("squeezenet1_1", "mobilenet_v2", "vit_b_16"),
)
# The median of some traces, in seconds of the processor; the old name is there in both.
_TRACE = """
import importlib.util, statistics, sys, time
import torch
spec = importlib.util.spec_from_file_location("torchvision_ops", sys.argv[2])
torchvision_ops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(torchvision_ops)
torchvision_ops.declare()
import torchvision
from shufflenet_flops.measure import trace
torch.set_num_threads(1)
model, x = getattr(torchvision.models, sys.argv[1])().eval(), torch.zeros(1, 3, 224, 224)
seconds = []
for _ in range(50):
    start = time.process_time()
    trace(model, x)
    seconds.append(time.process_time() - start)
print(statistics.median(seconds))
"""
# Of `/proc`, as `getrusage` starts with what the parent process had.
_PEAK = """
import os, sys
from shufflenet_flops.cli.app import run
sys.stdout = open(os.devnull, "w")
assert run(sys.argv[1:]) == 0
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
os.write(2, peak.split()[1].encode())
"""


def section(commit: str) -> str:
    """A Markdown section: this checkout's times and memory over those of `commit`."""
    lines = [
        f"## Against {commit}",
        "",
        f"Processor time of {ROUNDS} interleaved rounds, both with their bytecode compiled (of",
        f"traces {TRACE_ROUNDS}, each the median of 50); the median of paired ratios with a 95 %",
        "bootstrap interval. Under 1 is faster than before.",
        "",
        "| what | before | now | ratio | 95 % |",
        "| :--- | ---: | ---: | ---: | ---: |",
    ]
    with _checkout(commit) as old:
        trees = {"before": old, "now": ROOT}
        figures = [
            *((f"`{command}`", _seconds, command, 1e3, "ms") for command in COMMANDS),
            *((f"trace of {name}", _trace, name, 1e3, "ms") for name in NETWORKS),
            *((f"memory of `{sweep}`", _peak, sweep, 2**-10, "MiB") for sweep in COMMANDS[-2:]),
        ]
        lines += [
            _line(what, _samples(trees, measure, argument), scale, unit)
            for what, measure, argument, scale, unit in figures
        ]
        listed = {name: _networks(tree) for name, tree in trees.items()}
    lines += [
        "",
        f"`models` lists {listed['now']} networks, where it listed {listed['before']};",
        "`models shufflenet_v1*` lists the same ones.",
    ]
    return "\n".join([*lines, ""])


def _networks(tree: Path) -> int:
    table = _run(tree, "-m", "shufflenet_flops", "models", "--format", "csv").stdout
    return len(table.splitlines()) - 1


@contextmanager
def _checkout(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def _samples(
    trees: Mapping[str, Path], measure: Callable[[Path, str], float], what: str
) -> dict[str, list[float]]:
    for tree in trees.values():
        measure(tree, what)  # compiles what it imports
    samples: dict[str, list[float]] = {name: [] for name in trees}
    for i in range(TRACE_ROUNDS if measure is _trace else ROUNDS):
        for name in list(trees)[:: 1 if i % 2 else -1]:
            samples[name].append(measure(trees[name], what))
    return samples


def _line(what: str, samples: Mapping[str, list[float]], scale: float, unit: str) -> str:
    ratio = summarise(samples["now"], ("before", samples["before"])).ratio
    assert ratio is not None
    before, now = (f"{scale * median(samples[name]):,.1f} {unit}" for name in ("before", "now"))
    return (
        f"| {what} | {before} | {now} | {ratio.ratio:.2f} | {ratio.low:.2f} to {ratio.high:.2f} |"
    )


def _run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )


def _seconds(tree: Path, command: str) -> float:
    """Of the processor, for a whole process."""
    before = getrusage(RUSAGE_CHILDREN)
    _run(tree, "-m", "shufflenet_flops", *command.split())
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _trace(tree: Path, name: str) -> float:
    stubs = ROOT / "tests" / "support" / "torchvision_ops.py"
    return float(_run(tree, "-c", _TRACE, name, str(stubs)).stdout)


def _peak(tree: Path, command: str) -> float:
    return float(_run(tree, "-c", _PEAK, *command.split()).stderr.split()[-1])


if __name__ == "__main__":
    print(section(*sys.argv[1:]))
