"""Files that a user names: read only where they have an end, and text whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from shufflenet_flops.errors import ConfigError, InputError, Problem

LARGEST = 64 * 2**20  # bytes; parsed, a file takes some twenty times as much memory


@contextmanager
def regular(file: str | Path) -> Iterator[BinaryIO]:
    """A file that is open to be read. Raises InputError where it cannot be opened.

    Pipes and devices, which may have no end, are refused.
    """
    with ExitStack() as opened:
        try:
            # Without waiting, as opening a pipe does for whoever writes to it.
            stream = opened.enter_context(open(file, "rb", opener=_without_waiting))
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from None
        except ValueError as error:  # a name that no file can have
            raise InputError(f"cannot read {file}: {error}") from None
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise InputError(f"cannot read {file}: it is no regular file; save it to one first")
        yield stream


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def read_content(file: str | Path, largest: int) -> bytes:
    """The bytes of a file. Raises InputError, for one of more than `largest` bytes too."""
    with regular(file) as stream:
        # No more is asked for than is there, as room for all that is asked for is made at once.
        told = min(os.fstat(stream.fileno()).st_size, largest)
        try:
            content = stream.read(told + 1)
            while told < len(content) <= largest and (more := stream.read(2**20)):
                content += more
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from None
    if len(content) > largest:
        raise InputError(f"cannot read {file}: it has more than {largest:,} bytes")
    return content


def read_text(file: Path, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8. Raises InputError or, with the line, ConfigError."""
    return decode(str(file), read_content(file, largest))


def decode(file: str, content: bytes) -> str:
    """Bytes as text in UTF-8, lines ended by a newline. Raises ConfigError with the line."""
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem(file, line, "", "is not text in UTF-8")) from None
