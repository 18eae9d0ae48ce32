"""What formats render: a command's results with their tables, verdicts, a report as one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from shufflenet_flops.budget.verdict import Report
    from shufflenet_flops.environment import Environment
    from shufflenet_flops.report.grid import Grid
    from shufflenet_flops.report.section import Explorer, Section


@dataclass(frozen=True)
class Document:
    """What a command found, ready for any format.

    `results` are dataclasses, or mappings of JSON types; `records` the lines of the CSV, by default
    the same. `notes` are sentences about the whole run that belong to no single result.
    `environment` is the one that the results were measured in; None stands for that of this
    process. `made_by` is the command line that found them, if one did. `nodes` works out the count
    of each node of the model's exported program, by its name, where the document is of one model.
    `explorer` makes what a page of the document computes live, if there is such.
    """

    command: str
    convention: str | None
    results: Sequence[Any]
    grids: Sequence[Grid]
    records: Sequence[Any] | None = None
    notes: Sequence[str] = ()
    environment: Environment | None = None
    made_by: str = ""
    nodes: Callable[[], Mapping[str, int]] | None = None
    explorer: Callable[[], Explorer] | None = None


@dataclass(frozen=True)
class Verdicts:
    """What a command that ends in verdicts found; `title` is what is written above them."""

    command: str
    title: str
    report: Report


@dataclass(frozen=True)
class Page:
    """A report; the files of its figures, where it has any, are named `figures` and the picture."""

    title: str
    sections: tuple[Section, ...]
    figures: str

    def link(self, picture: str) -> str:
        """The address of a picture's SVG, as a page beside it writes it."""
        return quote(f"{self.figures}{picture}.svg")
