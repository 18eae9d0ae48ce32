"""A page of your own: any sections, figures and tables, in one HTML file that loads nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import shufflenet_flops as sf
from shufflenet_flops.report.format.html import html
from shufflenet_flops.report.grid import Column, grid
from shufflenet_flops.report.plot.bars import draw_panels
from shufflenet_flops.report.section import Picture, Section

names = ["shufflenet_v1_x1_0_g3", "shufflenet_v2_x1_0", "mobilenet_v1_x1_0"]
models = [sf.find(name) for name in names]
tables = [sf.layer_table(model.spec, model.input) for model in models]
least = min(zip(tables, names, strict=True), key=lambda pair: pair[0].memory_bytes)
panels = {
    "MMAC": [table.macs / 1e6 for table in tables],
    "memory, MB": [table.memory_bytes / 1e6 for table in tables],
}
section = Section(
    name="phones",
    question="Which of them moves the fewest bytes?",
    findings=(f"{least[1]}, with {least[0].memory_bytes / 1e6:.1f} MB for one image.",),
    grids=(
        grid(
            "three networks for phones",
            [Column("model", figures=False), Column("MACs"), Column("memory, bytes")],
            [
                (name, f"{table.macs:,}", f"{table.memory_bytes:,}")
                for name, table in zip(names, tables, strict=True)
            ],
        ),
    ),
    pictures=(Picture("cost", "MACs and memory access", draw_panels(names, panels, title="cost")),),
)
path = Path(sys.argv[1] if len(sys.argv) > 1 else "phones.html")
path.write_text(html("Networks for phones", [section]))
print(f"wrote {path.name}, {path.stat().st_size / 1e3:.0f} kB")
