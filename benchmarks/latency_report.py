"""reports/latency.md and its plots: Table 8 on every engine, roofline, and channel shuffle.

Each part is a process of its own that leaves a file in build/latency, so that a run that was cut
short goes on where it stopped. When all are there the report is written, and they are moved beside
it: the next run measures anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shufflenet_flops.counting import Kind
from shufflenet_flops.latency.measure import Timing
from shufflenet_flops.latency.saved import load_run
from shufflenet_flops.latency.shuffle import OpCost, UnitShare, variants
from shufflenet_flops.latency.warnings import warnings_about
from shufflenet_flops.paper.table8_times import INPUTS, Against, against
from shufflenet_flops.report.format.markdown import markdown
from shufflenet_flops.report.grid import with_notes
from shufflenet_flops.report.plot.figure import image
from shufflenet_flops.report.plot.latency import (
    draw_connections,
    draw_roofline,
    draw_speedups,
    draw_times,
)
from shufflenet_flops.report.section import measured_on
from shufflenet_flops.report.view import latency as report
from shufflenet_flops.report.view.roofline import layer_grids
from shufflenet_flops.report.view.shuffle import cost_grid, share_grid

PARTS = Path("build/latency")
PATH = Path("reports/latency.md")
BESIDE = Path("reports/latency")
G = 3


def main() -> None:
    """Measure what is missing, then write report and plots."""
    PARTS.mkdir(parents=True, exist_ok=True)
    parts = []
    for shape in map(str, INPUTS):
        part = PARTS / f"table_8_{shape}.json"
        roofline = ["--roofline"] if shape == str(INPUTS[0]) else []
        _measure(part, ["paper", "time-table-8", "--input", shape, *roofline])
        parts.append(part)
    shuffle = PARTS / "shuffle.json"
    _measure(shuffle, ["shuffle", "--g", str(G), "--cost"])
    BESIDE.mkdir(exist_ok=True)
    PATH.write_text(_text(parts, shuffle))
    for part in (*parts, shuffle):
        part.replace(BESIDE / part.name)


def _measure(part: Path, command: list[str]) -> None:
    if not part.exists():
        print(*command, flush=True)
        arguments = [sys.executable, "-m", "shufflenet_flops", *command, "-o", str(part)]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def _text(parts: list[Path], shuffle: Path) -> str:
    runs = [load_run(part) for part in parts]
    rows = [row for run in runs for row in run.rows]
    found = against(rows)
    engines = list(dict.fromkeys(row.engine for row in rows))
    plots = {
        "speedup.svg": draw_speedups([one for one in found if one.a == "alexnet"], engines),
        "times.svg": draw_times(rows),
        "roofline.svg": draw_roofline(list(runs[0].rows)),
        "shuffle.svg": draw_connections(variants(G, 4, 0), G),
    }
    for name, figure in plots.items():
        (BESIDE / name).write_bytes(image(figure, ".svg"))
    tables = [
        grid
        for run in runs
        for grid in report.latency_grids(
            run.rows,
            measured_on(run.environment),
            warnings_about(report.latencies(run.rows)),
        )
    ]
    data = json.loads(shuffle.read_text())
    costs = [OpCost(**cost) for cost in data["results"][0]["costs"]]
    shares = [UnitShare(**share) for share in data["results"][0]["unit_shares"]]
    shuffles = [
        cost_grid(costs),
        with_notes(share_grid(shares, G), [measured_on(data["environment"])]),
    ]
    return "\n".join(
        [
            "# Latency\n",
            _headline(found, rows),
            "![AlexNet over ShuffleNet 0.5x, by engine](latency/speedup.svg)\n",
            markdown(report.table8_grids(found, rows)),
            "## Theory and practice\n",
            "![MACs against time at the three sizes](latency/times.svg)\n",
            markdown(tables),
            "## Roofline\n",
            "![eager's layers under the roofs of this machine](latency/roofline.svg)\n",
            markdown(layer_grids(runs[0].rows)),
            "## Channel shuffle\n",
            "![who sees whom without and with a shuffle](latency/shuffle.svg)\n",
            markdown(shuffles),
        ]
    )


def _headline(found: list[Against], rows: list[Timing]) -> str:
    """What became of the paper's 13x, and why, in figures of this run."""
    first, *larger = (one for one in found if (one.a, one.b) == (found[0].a, found[0].b))
    ours: list[Any] = sorted(first.ours.items(), key=lambda item: -item[1].ratio)
    listed = ", ".join(
        f"{pair.ratio:.1f} ({pair.low:.1f} to {pair.high:.1f}) on {name}" for name, pair in ours
    )
    rest = "; ".join(
        f"at {one.size[0]}x{one.size[1]}, where the paper has {one.paper:.1f}, it is "
        f"{max(pair.ratio for pair in one.ours.values()):.1f} at most"
        for one in larger
    )
    alexnet = next(row for row in rows if row.model == first.a and row.layers)
    linear = [layer for layer in alexnet.layers if layer.kind == Kind.LINEAR]
    share = sum(one.time_s for one in linear) / sum(one.time_s for one in alexnet.layers)
    threads = rows[0].threads
    return (
        f"AlexNet has {first.theory:.1f} times the MACs of ShuffleNet 0.5x; the paper measured "
        f"{first.paper:.1f} times the time at 224x224.\nHere, on {threads} thread"
        f"{'s' if threads > 1 else ''} of a CPU, it is {listed}.\n\n"
        f"With larger inputs the ratio falls: {rest}. At 224x224 AlexNet's fully connected layers "
        f"take {share:.0%} of\neager's time: they read "
        f"{sum(one.memory_bytes for one in linear) / 1e6:.0f} MB for one image, nearly all of it "
        "weights, whatever the size of the image.\n"
    )


if __name__ == "__main__":
    main()
