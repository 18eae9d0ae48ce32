"""Run every benchmark and write reports/benchmarks.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks import check, html, latency_aa, startup, sweep, trace_time
from shufflenet_flops.latency.environment import environment

PATH = Path("reports/benchmarks.md")
SECTIONS = (
    startup.section,
    check.section,
    trace_time.section,
    sweep.section,
    html.section,
    latency_aa.section,
)


def main() -> None:
    """Measure, then replace the report."""
    stamp = environment()
    packages = ", ".join(f"{name} {version}" for name, version in stamp.packages.items())
    head = [
        "# Benchmarks",
        "",
        "Ratios measured side by side in one run of `make bench`. Absolute times are of one",
        "machine and only there to give a scale.",
        "",
        f"{stamp.cpu}, {stamp.cores} cores, load {stamp.load} at the start; {stamp.system}; "
        f"Python {stamp.python}; {packages}; {stamp.date}.",
        "",
    ]
    text = "\n".join(head) + "\n" + "\n".join(section() for section in SECTIONS)
    beside = PATH.with_suffix(".part")
    beside.write_text(text)
    beside.replace(PATH)


if __name__ == "__main__":
    main()
