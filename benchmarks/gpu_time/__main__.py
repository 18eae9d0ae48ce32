"""Trace what timm has timed, predict each time from the other families, write reports/gpu-time.md.

`python -m benchmarks.gpu_time DIR`, where DIR holds the files of timm's `results/` folder; timm
must be installed. Traces are kept in build/gpu-time/, and a second run takes up from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.gpu_time.crossed import crossed
from benchmarks.gpu_time.families import families
from benchmarks.gpu_time.published import SOURCE, published
from benchmarks.gpu_time.report import section
from benchmarks.gpu_time.traced import traced
from shufflenet_flops.report.format.markdown import markdown_report
from shufflenet_flops.report.plot.figure import image

TRACES = Path("build/gpu-time/traces.jsonl")
REPORT = Path("reports/gpu-time.md")
FIGURES = Path("reports/figures")


def main() -> None:
    """Trace what is missing, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help=f"files of {SOURCE}")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    files = published(options.folder)
    TRACES.parent.mkdir(parents=True, exist_ok=True)
    traces = traced({sized for file in files for sized in file.runs}, TRACES, options.workers)
    related = families(one for found in traces.values() for one in found if one.layers)
    report = section([crossed(file, traces, related) for file in files])
    for picture in report.pictures:
        (FIGURES / f"{picture.name}.png").write_bytes(image(picture.figure, ".png"))
    REPORT.write_text(markdown_report(report, lambda name: f"figures/{name}.png"))


if __name__ == "__main__":
    main()
