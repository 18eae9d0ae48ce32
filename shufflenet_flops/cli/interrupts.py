"""Ctrl-C at any moment: while torch is being imported, and with an exit code that is ours."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # what typer makes of Ctrl-C
_AGAIN_S = 0.05
_happened = False


def install() -> None:
    """Make Ctrl-C wait until torch is imported: its C++ side would end the process there and then.

    An end like that leaves no time to remove what was begun.
    """
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _importing("torch") and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        return
    global _happened
    _happened = True
    raise KeyboardInterrupt


def leave(code: int) -> NoReturn:
    """Exit with `code`, also after an interrupt.

    An interrupt that passed through an `exec` of text, as dataclasses do, makes Python end itself
    with SIGINT when it shuts down, handled or not; so then it is not left to shut down.
    """
    if _happened:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _importing(name: str) -> bool:
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))
