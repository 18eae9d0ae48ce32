"""stdout, which is for results alone, and stderr, which takes all else and never fails."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from shufflenet_flops.errors import OutputError

# What stands for our own signs where the encoding of the terminal or of a log lacks them.
_PLAIN = {
    **{"≤": "<=", "≥": ">=", "→": "->", "…": "...", "×": "x", "·": "*", "±": "+-", "≈": "~"},
    **dict.fromkeys("–—−─━┄┈╌", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("█▉▊▋▌▍▎▏", "#"),
    **dict.fromkeys("┼╋┌┐└┘├┤┬┴╭╮╰╯", "+"),
    **dict.fromkeys("\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}", " "),
    **{"σ": "sigma", "α": "alpha", "ρ": "rho", "µ": "u", "✅": "ok", "❌": "x", "²": "^2"},
}
_PLAIN_ERRORS, _JSON_ERRORS = "shufflenet-flops-plain", "shufflenet-flops-json"
# Where the results of the command that runs go; one within another, as `report` runs them.
_results: list[TextIO] = []


def _in_json(sign: str) -> str:
    return json.dumps(sign)[1:-1]


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or _in_json(sign) for sign in signs), error.end


def _exactly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_in_json, error.object[error.start : error.end])), error.end


codecs.register_error(_PLAIN_ERRORS, _plainly)
codecs.register_error(_JSON_ERRORS, _exactly)


class _Chatter(io.TextIOWrapper):
    """stderr whose end may be closed, full or gone: what is said there is then not heard."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().flush()


def prepare() -> None:
    """Make this process's streams ours: what anybody else writes to stdout goes to stderr.

    So it is for Python's own `print`, for C++ and for child processes. A stream that is closed is
    opened on nothing, so that no file gets its number; results then cannot be written to it.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    results = os.dup(1)
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = io.TextIOWrapper(
        os.fdopen(results, "wb"),  # open as long as the process lives
        encoding=encoding,
        errors=_PLAIN_ERRORS,
        line_buffering=os.isatty(results),
    )
    sys.stderr = _Chatter(
        os.fdopen(2, "wb", closefd=False),
        encoding=getattr(sys.stderr, "encoding", None) or "utf-8",
        errors=_PLAIN_ERRORS,
        line_buffering=True,
    )


@contextlib.contextmanager
def results_apart() -> Iterator[None]:
    """While a command runs, what it emits goes to stdout, and what is printed to stderr."""
    _results.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()


def results() -> TextIO:
    """The stream of results."""
    return _results[-1] if _results else sys.stdout


def emit(text: str, *, exact: bool = False) -> None:
    """Write results. Signs that the stream's encoding lacks become plain ones.

    In JSON, `exact`, they become escapes that say the same. A reader that has gone, as `head` does,
    is no error. Raises OutputError where there is no room.
    """
    stream = results()
    if exact and stream.encoding:
        text = text.encode(stream.encoding, _JSON_ERRORS).decode(stream.encoding)
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        drop(stream)
    except OSError as error:
        drop(stream)
        raise OutputError(f"cannot write to stdout: {error.strerror}") from None


def drop(stream: TextIO) -> None:
    """Let a stream lead nowhere, so that what is left in it is no error at the end."""
    with contextlib.suppress(OSError):  # a stream in memory has no number, and never fails
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
