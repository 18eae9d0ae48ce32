"""`history`: what every model cost, commit by commit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from shufflenet_flops.cli.options import OUTPUT, FormatOption
from shufflenet_flops.cli.output import Document, Format, open_outputs
from shufflenet_flops.cli.verdicts import ConfigOption
from shufflenet_flops.files.whole_file import open_file
from shufflenet_flops.report.format.registry import RESULTS, check_suffixes, suffixes

_PAGE = ".html"


def command(
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only later commits, as in 2026-01-31 or '2 weeks ago'."),
    ] = None,
    config: ConfigOption = None,
    form: FormatOption = Format.TABLE,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write this file, in the format that its suffix stands for "
            f"({', '.join(suffixes(RESULTS))}): .html is a page with a plot for each "
            "metric. Repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
) -> None:
    """Show what every model cost over the history of the repository.

    The figures are those of flop-budget.lock at each commit of the main line that changed it;
    where no commit has one, tagged commits are counted, which runs their code.
    """
    from shufflenet_flops.budget.history import history
    from shufflenet_flops.budget.load import load
    from shufflenet_flops.report.view.history import history_grid

    paths = output or []
    check_suffixes(paths, suffixes(RESULTS))
    pages = [path for path in paths if path.suffix == _PAGE]
    budgets = load(config)
    with ExitStack() as stack:
        writes = [stack.enter_context(open_file(path)) for path in pages]
        others = [path for path in paths if path not in pages]
        writer = stack.enter_context(open_outputs(form, others))
        found = history(budgets, since)
        if writes:
            from shufflenet_flops.report.format.html import html
            from shufflenet_flops.report.sections.history import section_of

            section = section_of(found.steps, found.notes)
            page = html(section.question, [section])
            for write in writes:
                write(page.encode())
        grids = [history_grid(found.steps, found.notes)]
        writer.write(Document("history", None, found.steps, grids, notes=found.notes))
