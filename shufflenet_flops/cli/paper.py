"""`paper`: the published tables, printed beside computed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from shufflenet_flops.cli.completion import complete_table
from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.paper.verdict import Verdict


def command(
    table: Annotated[
        str | None,
        typer.Argument(
            help="Such as shufflenet_v1_table_1; all tables by default.",
            autocompletion=complete_table,
        ),
    ] = None,
    row: Annotated[str | None, typer.Option(help="One row, by its name in the table.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only cells of this verdict.")] = None,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Also what other readings give.")
    ] = False,
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Set every figure of the papers' tables beside the computed one.

    Exits with 1 when a verdict is not the one on record.
    """
    from shufflenet_flops.paper import load_table, reproduce, table_names
    from shufflenet_flops.report.view.paper import errata_grid, overview_grid, table_grids

    with open_outputs(form, output or []) as writer:
        tables = [load_table(name) for name in ([table] if table else table_names())]
        if row is not None and not any(row in one.rows for one in tables):
            rows = dict.fromkeys(name for one in tables for name in one.rows)
            raise UnknownNameError(f"row of {table}" if table else "row", row, rows)
        found = [
            (
                one,
                [
                    cell
                    for cell in reproduce(one)
                    if row in (None, cell.row) and verdict in (None, cell.verdict)
                ],
            )
            for one in tables
        ]
        found = [(one, cells) for one, cells in found if cells]
        grids = table_grids(found, alternatives=alternatives)
        if (table, row, verdict) == (None, None, None):
            grids = [overview_grid(found), *grids, errata_grid()]
        cells = [cell for _, cells in found for cell in cells]
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
