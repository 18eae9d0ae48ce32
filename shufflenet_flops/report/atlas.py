"""The atlas of networks as a report: a section for Markdown, and a page that can be explored."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shufflenet_flops.paper import load_table, reproduce, table_names
from shufflenet_flops.paper.atlas import AtlasEntry, atlas, spreads
from shufflenet_flops.paper.standing import standings
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.view.atlas import (
    atlas_data,
    findings,
    networks_grid,
    spreads_grid,
)
from shufflenet_flops.report.view.standing import standings_grid

TITLE = "The atlas of efficient networks"


@dataclass(frozen=True)
class AtlasReport:
    """The networks; what the figures say of papers; and every network and paper in tables."""

    entries: Sequence[AtlasEntry]
    findings: Section
    tables: Section

    def files(self, names: Iterable[str]) -> dict[str, bytes]:
        """The atlas as files of these names, each x.md or x.html."""
        from shufflenet_flops.report.files import report_files
        from shufflenet_flops.report.format.html import Live, html

        files: dict[str, bytes] = {}
        for name in names:
            made_by = shlex.join(["shufflenet-flops", "report", "atlas", "-o", name])
            own = [replace(section, command=made_by) for section in (self.findings, self.tables)]
            if Path(name).suffix == ".html":
                live = Live("atlas", "The networks, drawn", atlas_data(self.entries))
                files[name] = html(TITLE, own, live=live).encode()
            else:
                files |= report_files(name, TITLE, own)
        return files


def atlas_report() -> AtlasReport:
    """The atlas of all published tables and all networks."""
    cells = [cell for table in table_names() for cell in reproduce(load_table(table))]
    entries = atlas(cells)
    apart = spreads(entries)
    papers = standings(cells)
    return AtlasReport(
        entries,
        Section(
            name="findings",
            question="What do papers say that efficient networks cost?",
            findings=tuple(findings(papers, apart)),
            grids=(spreads_grid(apart),),
            convention="Each printed figure has its own, named with the network's figures.",
        ),
        Section(
            name="networks",
            question="What do efficient networks cost, and who says so?",
            findings=(),
            grids=(networks_grid(entries), standings_grid(papers)),
            convention="Computed MACs are those of convolutions, fully connected layers and matrix "
            "products (`paper`).",
        ),
    )
