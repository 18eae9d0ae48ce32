"""What the commands that end in verdicts share: formats, files and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shufflenet_flops.cli.output import open_file
from shufflenet_flops.errors import InputError, ShufflenetFlopsError

if TYPE_CHECKING:
    from shufflenet_flops.budget.verdict import Report


class VerdictFormat(StrEnum):
    """How verdicts are written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"
    JUNIT = "junit"


SUFFIXES = {
    ".txt": VerdictFormat.TEXT,
    ".json": VerdictFormat.JSON,
    ".md": VerdictFormat.MARKDOWN,
    ".xml": VerdictFormat.JUNIT,
}

VerdictFormatOption = Annotated[
    VerdictFormat, typer.Option("--format", help="How to print the verdicts.")
]
VerdictOutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help=f"Also write a file, its format chosen by suffix ({' '.join(SUFFIXES)}). Repeatable.",
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

    failed: ShufflenetFlopsError | None = None
    with _open_outputs(output) as files:
        try:
            report = find()
        except ShufflenetFlopsError as error:
            failed, report = error, report_error(error)
        for chosen, write in files:
            write(_render(report, command, title, chosen).encode())
    if form is not VerdictFormat.TEXT or not (failed or sys.stdout.isatty()):
        sys.stdout.write(_render(report, command, title, form))
        sys.stdout.flush()
    elif not failed:
        _print_text(report)
    if failed:
        raise failed
    return 0 if report.exit_code == 1 and exit_zero else report.exit_code


@contextmanager
def _open_outputs(
    paths: Sequence[Path],
) -> Iterator[list[tuple[VerdictFormat, Callable[[bytes], None]]]]:
    for path in paths:
        if path.suffix not in SUFFIXES:
            raise InputError(
                f"-o {path}: the suffix must be one of {', '.join(SUFFIXES)}, "
                "which choose the format"
            )
    with ExitStack() as stack:
        yield [(SUFFIXES[path.suffix], stack.enter_context(open_file(path))) for path in paths]


_STYLES = {"ok": "green", "WARN": "yellow", "FAIL": "bold red", "ERROR": "bold red"}


def _print_text(report: Report) -> None:
    """The verdicts as wide as the terminal, each label in its colour where there are colours."""
    from rich.console import Console
    from rich.text import Text

    from shufflenet_flops.report.view.budget import text

    console = Console(soft_wrap=True)
    for line in text(report, console.width).splitlines():
        styled = Text(line)
        styled.highlight_regex(r"^\S+", lambda label: _STYLES.get(label, ""))
        console.print(styled)


def _render(report: Report, command: str, title: str, form: VerdictFormat) -> str:
    from shufflenet_flops.report.format import ci
    from shufflenet_flops.report.view import budget

    if form is VerdictFormat.JSON:
        from shufflenet_flops.report.format.data import as_json

        return as_json(command, None, budget.results(report))
    if form is VerdictFormat.MARKDOWN:
        return budget.markdown(report, title)
    if form is VerdictFormat.GITHUB:
        return ci.github(report)
    if form is VerdictFormat.JUNIT:
        return ci.junit(report)
    return budget.text(report)
