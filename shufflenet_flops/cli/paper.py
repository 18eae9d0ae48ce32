"""`paper`: the published tables, printed beside computed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from shufflenet_flops.cli.completion import complete_table
from shufflenet_flops.cli.group import PAPER_COMMANDS
from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.paper.verdict import CellVerdict


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
    from shufflenet_flops.paper import find_tables, load_table, reproduce, table_names
    from shufflenet_flops.report.view.paper import errata_grid, overview_grid, table_grids

    asked = " ".join(table or [])
    names = find_tables(asked, also=PAPER_COMMANDS) if asked else table_names()
    with open_outputs(form, output or []) as writer:
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
        grids = table_grids(reproduced, alternatives=alternatives)
        if (asked, row, verdict) == ("", None, None):
            grids = [overview_grid(reproduced), *grids, errata_grid()]
        cells = [cell for _, cells in reproduced for cell in cells]
        writer.write(Document("paper", None, cells, grids))
    moved = [cell for cell in cells if not cell.as_recorded]
    for cell in moved:
        print(
            f"{cell.table}: {cell.row}, {cell.column}: {cell.verdict}, on record as "
            f"{cell.recorded}",
            file=sys.stderr,
        )
    if moved:
        raise typer.Exit(1)
