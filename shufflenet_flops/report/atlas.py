"""The atlas of networks as a report: a section for Markdown, and a page that can be explored."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.errors import InputError
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

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.zoo_times import EngineTimes

TITLE = "The atlas of efficient networks"


@dataclass(frozen=True)
class AtlasReport:
    """The networks and their predicted times; what the figures say of papers; and all in tables."""

    entries: Sequence[AtlasEntry]
    times: Sequence[EngineTimes]
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
                live = Live("atlas", "The networks, drawn", atlas_data(self.entries, self.times))
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
    times, why_none = _times(entries)
    return AtlasReport(
        entries,
        times,
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
            grids=(networks_grid(entries, times, why_none), standings_grid(papers)),
            convention="Computed MACs are those of convolutions, fully connected layers and matrix "
            "products (`paper`).",
        ),
    )


def _times(entries: Iterable[AtlasEntry]) -> tuple[Sequence[EngineTimes], str]:
    """What the networks take where that can be predicted; or why it cannot be here."""
    from shufflenet_flops.latency.predict.zoo_times import zoo_times

    try:
        return zoo_times(entry.name for entry in entries), ""
    except InputError as error:
        return (), f"{error}"
