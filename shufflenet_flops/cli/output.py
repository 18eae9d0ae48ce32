"""Where results go: stdout in one format, and files by suffix, opened first and replaced last."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.cli.streams import emit, results
from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.files.whole_file import Replacement, open_file, replace_together, replacement
from shufflenet_flops.report.document import Document as Document
from shufflenet_flops.report.format.registry import (
    PAGES,
    RESULTS,
    check_suffixes,
    format_of,
    formats,
    suffixes,
)

# An option's choices are an enum. Its members are the formats that there are, which no type checker
# can see.
if TYPE_CHECKING:

    class Format(StrEnum):
        """How results are written; the formats themselves say which there are."""

        TABLE = "table"
else:
    Format = StrEnum("Format", {name.upper(): name for name in formats(RESULTS)})

FIGURE_SUFFIXES = (".svg", ".png")


class Writer:
    """Collects where a document is to go, and writes it everywhere at once."""

    def __init__(self, form: Format, files: Sequence[Replacement]) -> None:
        self._format = form
        self._files = files

    def write(self, document: Document) -> None:
        """Print to stdout and replace every file; a failure leaves the old files whole."""
        from shufflenet_flops.environment import command_line

        measured = document.environment
        made_by = measured.command if measured else command_line()
        document = dataclasses.replace(document, made_by=made_by)
        replace_together(
            [(new, format_of(RESULTS, new.path).render(document).encode()) for new in self._files]
        )
        if self._format is Format.TABLE:
            _print_table(document)
        else:
            text = formats(RESULTS)[self._format].render(document)
            emit(text, exact=self._format == "json")


@contextmanager
def open_outputs(form: Format, paths: Sequence[Path]) -> Iterator[Writer]:
    """A Writer whose files are known to be writable; what it does not write leaves no trace.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    check_suffixes(paths, suffixes(RESULTS))
    with ExitStack() as stack:
        yield Writer(form, [stack.enter_context(replacement(path)) for path in paths])


@contextmanager
def open_figure(path: Path | None) -> Iterator[Callable[[bytes], None]]:
    """A function that puts a figure's bytes in the file `path` (.svg or .png), all or nothing.

    Raises as `open_outputs` does, before any work is done; without a path nothing is written.
    """
    if path is None:
        yield lambda content: None
        return
    if path.suffix not in FIGURE_SUFFIXES:
        raise InputError(f"--plot {path}: the suffix must be {' or '.join(FIGURE_SUFFIXES)}")
    with open_file(path) as write:
        yield write


@contextmanager
def open_files(
    paths: Sequence[Path],
) -> Iterator[Callable[[Path, Mapping[str, bytes]], None]]:
    """A function that puts a report's files beside one of `paths`, all or nothing.

    Raises as `open_outputs` does, before any work is done.
    """
    check_suffixes(paths, suffixes(PAGES))
    with ExitStack() as stack:
        opened = {path: stack.enter_context(replacement(path)) for path in paths}

        def write(path: Path, files: Mapping[str, bytes]) -> None:
            beside = {path.parent / name: files[name] for name in files if name != path.name}
            with open_together(beside) as others:
                replace_together([*others, (opened[path], files[path.name])])

        yield write


@contextmanager
def open_together(files: Mapping[Path, bytes]) -> Iterator[list[tuple[Replacement, bytes]]]:
    """Files that are to be there together, in folders that are made where there are none.

    Raises OutputError for one that cannot be written.
    """
    with ExitStack() as stack:
        opened = []
        for path, content in files.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"cannot write {path}: {error.strerror}") from None
            opened.append((stack.enter_context(replacement(path)), content))
        yield opened


def shows_tables(form: Format) -> bool:
    """Whether tables go to a terminal, and so to somebody who reads them there."""
    return form is Format.TABLE and _is_a_tty(results())


def _print_table(document: Document) -> None:
    if _is_a_tty(results()) or os.environ.keys() & _AS_A_TERMINAL:
        from rich.console import Console

        from shufflenet_flops.report.format.text import print_grids

        console = Console(file=results())
        if console.is_terminal:
            with console.capture() as printed:
                print_grids(console, document.grids)
            emit(printed.get())
            return
    emit(formats(RESULTS)[Format.TABLE].render(document))


def _is_a_tty(stream: object) -> bool:
    """What is closed, or not there, is none."""
    try:
        return bool(getattr(stream, "isatty", bool)())
    except ValueError:
        return False


# By which rich takes for a terminal what is none.
_AS_A_TERMINAL = frozenset(("FORCE_COLOR", "TTY_COMPATIBLE"))
