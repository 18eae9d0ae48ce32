"""Where results go: stdout in one format, and files by suffix, opened first and replaced last."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from shufflenet_flops.errors import InputError, OutputError
from shufflenet_flops.report.grid import Grid

PIPE_WIDTH = 240  # a table that goes to a file or pipe is not cut at 80 columns


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


SUFFIXES = {
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".md": Format.MARKDOWN,
    ".txt": Format.TABLE,
}


FIGURE_SUFFIXES = (".svg", ".png")


@dataclass(frozen=True)
class Document:
    """What a command found, ready for any format.

    `results` are the JSON results; `records` the lines of the CSV, by default the same.
    """

    command: str
    convention: str | None
    results: Sequence[Mapping[str, Any]]
    grids: Sequence[Grid]
    records: Sequence[Mapping[str, Any]] | None = None


class Writer:
    """Collects where a document is to go, and writes it everywhere at once."""

    def __init__(self, form: Format, files: Sequence[tuple[Path, Path]]) -> None:
        self._format = form
        self._files = files

    def write(self, document: Document) -> None:
        """Print to stdout and replace every file; a failure leaves the old files whole."""
        for path, beside in self._files:
            _replace(path, beside, render(document, SUFFIXES[path.suffix]).encode())
        if self._format is Format.TABLE:
            _print_table(document)
        else:
            sys.stdout.write(render(document, self._format))
            sys.stdout.flush()


@contextmanager
def open_outputs(form: Format, paths: Sequence[Path]) -> Iterator[Writer]:
    """A Writer whose files are known to be writable; what it does not write leaves no trace.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    files: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            if path.suffix not in SUFFIXES:
                raise InputError(
                    f"-o {path}: the suffix must be one of {', '.join(SUFFIXES)}, "
                    "which choose the format"
                )
            files.append((path, _reserve(path)))
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
def open_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that replaces the content of the file `path`, all or nothing.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    beside = _reserve(path)
    try:
        yield lambda content: _replace(path, beside, content)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def open_files(
    paths: Sequence[Path], suffixes: Sequence[str]
) -> Iterator[Callable[[Path, Mapping[str, bytes]], None]]:
    """A function that puts files beside one of `paths`, by their path there, each all or nothing.

    Raises as `open_outputs` does, before any work is done.
    """
    reserved: list[Path] = []
    try:
        for path in paths:
            if path.suffix not in suffixes:
                raise InputError(f"-o {path}: the suffix must be {' or '.join(suffixes)}")
            reserved.append(_reserve(path))
        yield _write_beside
    finally:
        for beside in reserved:
            beside.unlink(missing_ok=True)


def _write_beside(path: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        target = path.parent / name
        try:
            target.parent.mkdir(exist_ok=True)
            beside = _reserve(target)
            beside.write_bytes(content)
            beside.replace(target)
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from None


def _reserve(path: Path) -> Path:
    """A new file beside `path`, to be renamed to it. Raises OutputError where there can be none."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory")
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None
    os.close(handle)
    os.chmod(beside, 0o666 & ~_umask())
    return Path(beside)


def _replace(path: Path, beside: Path, content: bytes) -> None:
    """Write beside `path` and rename that, so that the old or the new file is there whole."""
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def render(document: Document, form: Format) -> str:
    """The document in one format, for a file or a pipe."""
    if form is Format.JSON:
        from shufflenet_flops.report.format.data import as_json

        return as_json(document.command, document.convention, document.results)
    if form is Format.CSV:
        from shufflenet_flops.report.format.data import as_csv

        return as_csv(document.results if document.records is None else document.records)
    if form is Format.MARKDOWN:
        from shufflenet_flops.report.format.markdown import markdown

        return markdown(document.grids)
    import io

    from rich.console import Console

    from shufflenet_flops.report.format.text import print_grids

    text = io.StringIO()
    print_grids(Console(file=text, width=PIPE_WIDTH), document.grids)
    # rstrip takes the no-break spaces that stand where other rows have a star, too.
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _print_table(document: Document) -> None:
    from rich.console import Console

    from shufflenet_flops.report.format.text import print_grids

    console = Console()
    if console.is_terminal:
        print_grids(console, document.grids)
    else:
        sys.stdout.write(render(document, Format.TABLE))
        sys.stdout.flush()
