"""Ctrl-C, SIGTERM and SIGHUP at any moment: what was begun is removed; the exit code is ours."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # what typer makes of Ctrl-C
NOTHING_WRITTEN = "interrupted: nothing was written"
_AGAIN_S = 0.05
# Exit codes by signal: Ctrl-C is the user's, the others are reported as shells do.
_CODES = {
    number: 2 if name == "SIGINT" else 128 + number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
}
_happened = 0


def install_first() -> None:
    """While the program is only being imported there is nothing to remove: end at once."""
    _handle_with(_end)


def install() -> None:
    """Raise KeyboardInterrupt for each signal, but not while torch is being imported.

    Its C++ side would end the process there and then, which leaves no time to remove what was
    begun.
    """
    _handle_with(_interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _interrupt)


def _handle_with(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in _CODES:
        # What whoever started the program ignores, as `nohup` does, stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, f"error: {NOTHING_WRITTEN}\n".encode())
    finally:
        os._exit(_CODES[number])


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _happened
    _happened = number if number in _CODES else _happened
    if _importing("torch") and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        return
    raise KeyboardInterrupt


def leave(code: int) -> NoReturn:
    """Exit with `code`, or after SIGTERM or SIGHUP with theirs.

    A KeyboardInterrupt that passed through an `exec` of text, as dataclasses do, makes Python end
    itself with SIGINT when it shuts down, handled or not; so then it is not left to shut down.
    Another signal while it shuts down ends it at once.
    """
    _handle_with(lambda number, frame: os._exit(_CODES[number]))
    code = max(code, _CODES.get(_happened, 0))
    with suppress(OSError, ValueError):  # a full disk or a closed stream has been told of
        sys.stdout.flush()
    sys.stderr.flush()
    if _happened:
        os._exit(code)
    sys.stdout = sys.stderr  # what others print at the exit is no result
    gc.freeze()  # all memory is given back at once; looking for garbage first takes time
    sys.exit(code)


def _importing(name: str) -> bool:
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))
