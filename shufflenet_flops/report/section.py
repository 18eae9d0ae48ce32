"""What a report is made of: sections that answer one question each, ready for any format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shufflenet_flops.errors import plural
from shufflenet_flops.report.grid import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shufflenet_flops.report.view.drawing import Drawing


@dataclass(frozen=True)
class Picture:
    """A figure; `name` is part of its file's name, `caption` says what it shows."""

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Tile:
    """One figure to read at first sight: what it is, its text, and a few words on it."""

    label: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Portrait:
    """One network: its first figures, the table of all its layers, and a drawing of it
    unless it is very large."""

    model: str
    tiles: tuple[Tile, ...]
    layers: Grid
    drawing: Drawing | None


@dataclass(frozen=True)
class Explorer:
    """What a page computes live, and its data, which is plain JSON.

    Those are `units`, a `network` of the zoo, or any model over its `sizes`.
    """

    name: Literal["units", "network", "sizes"]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """One question, and what the results say to it.

    `findings` are sentences computed from the results. `details` are tables for those who want to
    look closer. `environment` is given where a clock was read. `explorer` makes what a page
    computes live, if there is such.
    """

    name: str
    question: str
    findings: tuple[str, ...]
    grids: tuple[Grid, ...]
    pictures: tuple[Picture, ...] = ()
    details: tuple[Grid, ...] = ()
    convention: str = ""
    command: str = ""
    environment: Mapping[str, Any] | None = None
    portrait: Portrait | None = None
    explorer: Callable[[], Explorer | None] | None = None


def stamp(environment: Mapping[str, Any]) -> str:
    """The machine, the versions, the day and the command of a measured figure, on one line."""
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    governor = environment.get("governor")
    revision = environment.get("revision")
    return (
        f"{environment['cpu']}, {plural(environment['cores'], 'core')}, "
        f"load {environment['load']}, "
        + (f"governor {governor}, " if governor else "governor not readable, ")
        + f"{environment['system']}, Python {environment['python']}, {packages}"
        + (f", git {revision}" if revision else "")
        + f", {environment['date']}: {environment['command']}"
    )


def measured_on(environment: Mapping[str, Any]) -> str:
    """One sentence that says on what, with what and when."""
    return f"measured on {stamp(environment)}"
