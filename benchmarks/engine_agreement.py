"""Whether every engine computes what eager computes, on every network: reports/engines.md.

Each network is a process of its own that leaves a file in build/engines, so that a run that was cut
short goes on where it stopped; without the folder it starts anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shufflenet_flops import zoo
from shufflenet_flops.latency.agreement import LIMITS
from shufflenet_flops.latency.engines import ENGINE_NAMES
from shufflenet_flops.report.format.markdown import markdown
from shufflenet_flops.report.grid import Column, grid
from shufflenet_flops.report.section import measured_on

PARTS = Path("build/engines")
PATH = Path("reports/engines.md")


def main() -> None:
    """Run what is missing, then write the report."""
    PARTS.mkdir(parents=True, exist_ok=True)
    runs = {name: _run(name) for name in zoo.names()}
    cells = {(name, row["engine"]): row for name, data in runs.items() for row in data["results"]}
    lines = [
        [name, *(_cell(cells.get((name, engine))) for engine in ENGINE_NAMES)] for name in runs
    ]
    failed = [
        f"{name} on {engine}: {row['reason']}"
        for (name, engine), row in cells.items()
        if row["status"] != "ok"
    ]
    taken = sum(row["status"] == "ok" for row in cells.values())
    table = grid(
        "largest difference to eager's output, relative to its largest value",
        [Column("network", figures=False), *(Column(name) for name in ENGINE_NAMES)],
        lines,
        [
            f"{taken} of {len(cells)} agree within {LIMITS['float32']:.0e} in fp32, on the same "
            "random input, each network at its own size",
            *(failed or ["there is no network that an engine cannot take"]),
            measured_on(
                runs[next(iter(runs))]["environment"] | {"command": "make reports-engines"}
            ),
        ],
    )
    head = (
        "# Engines\n\nDoes every engine compute what PyTorch eager computes? The networks have "
        "He's normal weights and norms with\nthe statistics of their input, so that signals "
        "neither fade nor grow on the way to the output.\n\n"
    )
    PATH.write_text(head + markdown([table]))


def _run(name: str) -> Any:
    part = PARTS / f"{name}.json"
    if not part.exists():
        print(name, flush=True)
        command = ["latency", name, "--runs", "2", "--quiet", "-o", str(part)]
        subprocess.run(
            [sys.executable, "-m", "shufflenet_flops", *command], stdout=subprocess.DEVNULL
        )
    return json.loads(part.read_text())


def _cell(row: Any) -> str:
    if row is None:
        return "not installed"
    return f"{row['max_rel_error']:.0e}" if row["status"] == "ok" else "failed"


if __name__ == "__main__":
    main()
