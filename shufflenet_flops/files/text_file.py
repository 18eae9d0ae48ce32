"""Files of text that a user names: read whole, and only where they have an end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from shufflenet_flops.errors import ConfigError, InputError, Problem

LARGEST = 64 * 2**20  # bytes; parsed, a file takes some twenty times as much memory


def read_text(file: Path, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8. Raises InputError or, with the line, ConfigError.

    Pipes and devices, which may have no end, are refused, and files of more than `largest` bytes.
    """
    try:
        # Without waiting, as opening a pipe does for whoever writes to it.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise InputError(f"cannot read {file}: it is no regular file; save it to one first")
            content = stream.read(largest + 1)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise InputError(f"cannot read {file}: {error}") from None
    if len(content) > largest:
        raise InputError(f"cannot read {file}: it has more than {largest:,} bytes")
    return decode(str(file), content)


def decode(file: str, content: bytes) -> str:
    """Bytes as text in UTF-8, lines ended by a newline. Raises ConfigError with the line."""
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem(file, line, "", "is not text in UTF-8")) from None
