"""`paper`: the published tables, printed beside computed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.completion import complete_model, complete_table
from shufflenet_flops.cli.group import PAPER_COMMANDS
from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, Writer, open_outputs, shows_tables
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.paper.verdict import CellVerdict
from shufflenet_flops.running.no_gc import no_gc

if TYPE_CHECKING:
    from shufflenet_flops.paper import CellResult

_MORE = (
    "one table: `shufflenet-flops paper 4`; those of a paper: `shufflenet-flops paper resnext`; "
    "all: `shufflenet-flops paper | less`, or -o paper.md"
)


def command(
    table: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE",
            help="A table: shufflenet_v1_table_1, 'resnext 2', or 4 for ShuffleNet V1's Table 4; "
            "or a paper: resnext.",
            show_default="all tables",
            autocompletion=complete_table,
        ),
    ] = None,
    row: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the row of this name in the table.")
    ] = None,
    verdict: Annotated[CellVerdict | None, typer.Option(help="Only cells of this verdict.")] = None,
    alternatives: Annotated[
        bool,
        typer.Option(
            "--alternatives", help="In tables, also show what other readings of a figure give."
        ),
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only how many figures come out, paper by paper.")
    ] = False,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="All that the tables have about one network: by whom, and who agrees.",
            autocompletion=complete_model,
        ),
    ] = None,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Set the papers' published figures beside the computed ones.

    Exits with 1 when a verdict is not the one on record. Two more commands, each with its own
    --help:

    \b
    paper fit-table-4   the widths that fit the budgets of ShuffleNet V1's Table 4
    paper time-table-8  the networks of its Table 8, timed on this machine
    """
    from shufflenet_flops.paper import load_table, reproduce, table_names
    from shufflenet_flops.report.grid import with_notes
    from shufflenet_flops.report.view.paper import errata_grid, overview_grid, table_grids

    asked = " ".join(table or [])
    if network is not None:
        _refuse("--network", table=asked, row=row, verdict=verdict, summary=summary)
        _about_network(network, form, output or [])
        return
    if summary:
        _refuse("--summary", row=row, verdict=verdict)
    names = _tables(asked) if asked else table_names()
    with no_gc(kept=True), open_outputs(form, output or []) as writer:
        tables = [load_table(name) for name in names]
        if row is not None and not any(row in published.rows for published in tables):
            rows = dict.fromkeys(name for published in tables for name in published.rows)
            raise UnknownNameError(f"row of {asked}" if asked else "row", row, rows)
        reproduced = [
            (
                published,
                [
                    cell
                    for cell in reproduce(published)
                    if row in (None, cell.row) and verdict in (None, cell.verdict)
                ],
            )
            for published in tables
        ]
        reproduced = [(published, cells) for published, cells in reproduced if cells]
        if summary:
            _write_summary(writer, [cell for _, cells in reproduced for cell in cells])
            return
        grids = table_grids(reproduced, alternatives=alternatives)
        if (asked, row, verdict) == ("", None, None):
            # Thousands of lines are for files and pagers.
            is_seen = shows_tables(form) and not (output or alternatives)
            overview = overview_grid(reproduced)
            grids = (
                [with_notes(overview, [_MORE]), errata_grid()]
                if is_seen
                else [overview, *grids, errata_grid()]
            )
        cells = [cell for _, cells in reproduced for cell in cells]
        writer.write(Document("paper", None, cells, grids))
    _exit_if_moved(cells)


def _tables(asked: str) -> list[str]:
    """The tables that are meant. Raises UnknownNameError, and InputError where it is a model."""
    from shufflenet_flops.paper import find_tables
    from shufflenet_flops.sources.resolve import (
        is_a_model,
        may_be_a_design,
        refuse_results,
    )

    try:
        return find_tables(asked, also=PAPER_COMMANDS)
    except UnknownNameError:
        refuse_results(asked)
        if not is_a_model(asked):
            raise
        line = f"{'paper --network' if may_be_a_design(asked) else 'count'} {shlex.quote(asked)}"
        raise InputError(
            f"{asked}: is a model, and no table: write `shufflenet-flops {line}`"
        ) from None


def _exit_if_moved(cells: Sequence[CellResult]) -> None:
    moved = [cell for cell in cells if not cell.as_recorded]
    for cell in moved:
        print(
            f"{cell.table}: {cell.row}, {cell.column}: {cell.verdict}, on record as "
            f"{cell.recorded}",
            file=sys.stderr,
        )
    if moved:
        raise typer.Exit(1)


def _refuse(option: str, **given: object) -> None:
    """Raise InputError for what cannot be asked for together."""
    for name, value in given.items():
        if value:
            what = "a TABLE" if name == "table" else f"--{name}"
            raise InputError(f"{option} and {what} cannot be given together: leave out one of them")


def _write_summary(writer: Writer, cells: Sequence[CellResult]) -> None:
    from shufflenet_flops.paper.standing import standings
    from shufflenet_flops.report.view.standing import standings_grid

    found = standings(cells)
    writer.write(Document("paper --summary", None, found, [standings_grid(found)]))


def _about_network(name: str, form: Format, output: Sequence[Path]) -> None:
    from shufflenet_flops import zoo
    from shufflenet_flops.paper.standing import figures_of
    from shufflenet_flops.report.view.standing import network_grids

    model = zoo.find(name)
    with open_outputs(form, output) as writer:
        reproduced = list(figures_of(name))
        cells = [cell for _, cells in reproduced for cell in cells]
        writer.write(Document("paper", None, cells, network_grids(model, reproduced)))
    _exit_if_moved(cells)
