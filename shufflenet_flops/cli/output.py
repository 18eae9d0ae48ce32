"""Where results go: stdout in one format, and files by suffix, opened first and replaced last."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from shufflenet_flops.environment import environment
from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.report.document import Document as Document
from shufflenet_flops.report.format.registry import (
    PAGES,
    RESULTS,
    check_suffixes,
    format_of,
    formats,
    suffixes,
)
from shufflenet_flops.whole_file import open_file, replace, reserve

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

    def __init__(self, form: Format, files: Sequence[tuple[Path, Path]]) -> None:
        self._format = form
        self._files = files

    def write(self, document: Document) -> None:
        """Print to stdout and replace every file; a failure leaves the old files whole."""
        made_by = (document.environment or environment()).command
        document = dataclasses.replace(document, made_by=made_by)
        for path, beside in self._files:
            replace(path, beside, format_of(RESULTS, path).render(document).encode())
        if self._format is Format.TABLE:
            _print_table(document)
        else:
            sys.stdout.write(formats(RESULTS)[self._format].render(document))
            sys.stdout.flush()


@contextmanager
def open_outputs(form: Format, paths: Sequence[Path]) -> Iterator[Writer]:
    """A Writer whose files are known to be writable; what it does not write leaves no trace.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    files: list[tuple[Path, Path]] = []
    check_suffixes(paths, suffixes(RESULTS))
    try:
        files.extend((path, reserve(path)) for path in paths)
        yield Writer(form, files)
    finally:
        for _, beside_path in files:
            beside_path.unlink(missing_ok=True)


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
    """A function that puts a report's files beside one of `paths`, each all or nothing.

    Raises as `open_outputs` does, before any work is done.
    """
    reserved: list[Path] = []
    check_suffixes(paths, suffixes(PAGES))
    try:
        reserved.extend(map(reserve, paths))
        yield _write_beside
    finally:
        for beside in reserved:
            beside.unlink(missing_ok=True)


def _write_beside(path: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        target = path.parent / name
        try:
            target.parent.mkdir(exist_ok=True)
            beside = reserve(target)
            beside.write_bytes(content)
            beside.replace(target)
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from None


def _print_table(document: Document) -> None:
    from rich.console import Console

    from shufflenet_flops.report.format.text import print_grids

    console = Console()
    if console.is_terminal:
        print_grids(console, document.grids)
    else:
        sys.stdout.write(formats(RESULTS)[Format.TABLE].render(document))
        sys.stdout.flush()
