"""Run every benchmark and write reports/benchmarks.md; `COMMIT` sets an earlier one beside."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    against,
    check,
    html,
    latency_aa,
    startup,
    sweep,
    trace_time,
    training_time,
)
from shufflenet_flops.environment import environment
from shufflenet_flops.report.section import measured_on

PATH = Path("reports/benchmarks.md")
SECTIONS = (
    startup.section,
    check.section,
    trace_time.section,
    training_time.section,
    sweep.section,
    html.section,
    latency_aa.section,
)


def main(*commits: str) -> None:
    """Measure, then replace the report."""
    made_by = asdict(environment()) | {"command": "make bench"}
    head = [
        "# Benchmarks",
        "",
        "Ratios measured side by side in one run of `make bench`. Absolute times are of one",
        "machine and only there to give a scale.",
        "",
        f"These were {measured_on(made_by)}.",
        "",
    ]
    sections = [*(section() for section in SECTIONS), *map(against.section, commits)]
    text = "\n".join(head) + "\n" + "\n".join(sections)
    beside = PATH.with_suffix(".part")
    beside.write_text(text)
    beside.replace(PATH)


if __name__ == "__main__":
    main(*sys.argv[1:])
