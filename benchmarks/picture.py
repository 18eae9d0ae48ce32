"""Draw the `compare` table of the README as it looks in a terminal, in SVG."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from shufflenet_flops.comparison import compare, prepare
from shufflenet_flops.latency.engines.eager import Eager
from shufflenet_flops.latency.engines.protocol import Setup
from shufflenet_flops.latency.sampling import sample
from shufflenet_flops.latency.stats import summarise
from shufflenet_flops.report.format.text import print_grids
from shufflenet_flops.report.view.compare import compare_grid
from shufflenet_flops.sources import resolve

PATH = Path(__file__).parents[1] / "docs" / "compare.svg"
COMMAND = "$ shufflenet-flops compare --c 240 --g 3"


def main() -> None:
    """Run the comparison, latency included, and write docs/compare.svg."""
    names = ("resnet_unit", "resnext_unit", "shufflenet_unit")
    subjects = [prepare(resolve(name)) for name in names]
    compared = [compare(subject) for subject in subjects]
    engine = Eager()
    calls = {
        comparison.name: engine.prepare(subject.module, subject.inputs, Setup())
        for comparison, subject in zip(compared, subjects, strict=True)
    }
    samples = sample(calls)
    first = compared[0].name
    timed = [
        replace(
            comparison,
            latency_s=summarise(
                samples[comparison.name],
                None if comparison.name == first else (first, samples[first]),
            ),
        )
        for comparison in compared
    ]
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print(COMMAND, style="bold cyan")
    print_grids(console, [compare_grid(timed)])
    svg = console.export_svg(title="shufflenet-flops", unique_id="compare")
    # Any monospaced font will do; the page that shows the picture should load nothing for it.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    PATH.write_text(svg)


if __name__ == "__main__":
    main()
