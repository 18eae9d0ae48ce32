"""`latency-diff`: two saved runs of `latency` side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.options import FormatOption, OutputOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.errors import InputError


def command(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="A run saved by `latency -o OLD.json`.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later run of the same models.")],
    form: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Set two saved runs of `latency` side by side, row by row.

    Each ratio of medians has its 95 % interval. What differs between the two environments is
    named, and so are the rows that only one of the runs has.
    """
    from shufflenet_flops.sources.resolve import is_a_model

    names = str(old), str(new)
    if model := next(filter(is_a_model, names), None):
        raise InputError(
            f"{model}: is a model, and latency-diff takes saved runs: write "
            f"`shufflenet-flops latency {shlex.join(names)}`"
        )
    with open_outputs(form, output or []) as writer:
        from shufflenet_flops.latency.saved import changes, load_run, only_in, unlike
        from shufflenet_flops.report.view.latency import change_grid, change_notes

        before, after = load_run(old), load_run(new)
        changed = changes(before, after)
        if not changed:
            raise InputError(f"{old} and {new} have no row in common")
        notes = change_notes(
            unlike(before.environment, after.environment),
            [*only_in(before, after), *only_in(after, before)],
        )
        grids = [change_grid(changed, notes)]
        writer.write(Document("latency-diff", None, changed, grids, notes=notes))
