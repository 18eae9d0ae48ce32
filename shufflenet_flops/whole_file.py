"""Files that are there whole or not at all: written beside, and then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shufflenet_flops.errors import OutputError


@contextmanager
def open_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that replaces the content of the file `path`, all or nothing.

    Raises OutputError for a path that cannot be written, before any work is done.
    """
    beside = reserve(path)
    try:
        yield lambda content: replace(path, beside, content)
    finally:
        beside.unlink(missing_ok=True)


def reserve(path: Path) -> Path:
    """A new file beside `path`, to be renamed to it. Raises OutputError where there can be none."""
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a directory")
    try:
        path.exists()  # a name that is too long for a file, while the one beside it is not
        prefix = f".{path.name[:50]}."
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None
    os.close(handle)
    os.chmod(beside, 0o666 & ~_umask())
    return Path(beside)


def replace(path: Path, beside: Path, content: bytes) -> None:
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
