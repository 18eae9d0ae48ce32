"""What the commands that end in verdicts share: formats, files and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.streams import emit, results
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.files.whole_file import open_file
from shufflenet_flops.report.format.registry import (
    VERDICTS,
    check_suffixes,
    format_of,
    formats,
    suffixes,
)

if TYPE_CHECKING:
    from shufflenet_flops.budget.verdict import Report


# As in `output`, the members are the formats that there are.
if TYPE_CHECKING:

    class VerdictFormat(StrEnum):
        """How verdicts are written; the formats themselves say which there are."""

        TEXT = "text"
else:
    VerdictFormat = StrEnum("VerdictFormat", {name.upper(): name for name in formats(VERDICTS)})

VerdictFormatOption = Annotated[
    VerdictFormat, typer.Option("--format", help="How to print the verdicts.")
]
VerdictOutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Also write a file, its format chosen by suffix "
        f"({' '.join(suffixes(VERDICTS))}). Repeatable.",
    ),
]
ExitZeroOption = Annotated[
    bool, typer.Option("--exit-zero", help="Exit with 0 where it would be 1; errors are still 2.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read this file.",
        show_default="flop-budget.toml, or [tool.shufflenet-flops] in pyproject.toml",
    ),
]


def report_on(
    find: Callable[[], Report],
    command: str,
    title: str,
    form: VerdictFormat,
    output: Sequence[Path],
    exit_zero: bool,
) -> int:
    """Find the verdicts, write them everywhere, and only then decide the exit code.

    Where nothing can be looked at, the reports say why, and so does stderr.
    """
    from shufflenet_flops.budget.verdict import report_error
    from shufflenet_flops.report.document import Verdicts

    failed: ShufflenetFlopsError | None = None
    check_suffixes(output, suffixes(VERDICTS))
    with ExitStack() as stack:
        files = [
            (format_of(VERDICTS, path), stack.enter_context(open_file(path))) for path in output
        ]
        try:
            report = find()
        except ShufflenetFlopsError as error:
            failed, report = error, report_error(error)
        verdicts = Verdicts(command, title, report)
        for chosen, write in files:
            write(chosen.render(verdicts).encode())
    if form is not VerdictFormat.TEXT or not (failed or results().isatty()):
        emit(formats(VERDICTS)[form].render(verdicts), exact=form == "json")
    elif not failed:
        print_text(report)
    if failed:
        raise failed
    return 0 if report.exit_code == 1 and exit_zero else report.exit_code


_STYLES = {
    "ok": "green",
    "lighter": "green",
    "WARN": "yellow",
    "FAIL": "bold red",
    "ERROR": "bold red",
}


def print_text(report: Report) -> None:
    """The verdicts as wide as the terminal, each label in its colour where there are colours."""
    from rich.console import Console
    from rich.text import Text

    from shufflenet_flops.report.view.budget import text

    console = Console(file=results(), soft_wrap=True)
    with console.capture() as printed:
        for line in text(report, console.width).splitlines():
            styled = Text(line)
            styled.highlight_regex(r"^\S+", lambda label: _STYLES.get(label, ""))
            console.print(styled)
    emit(printed.get())
