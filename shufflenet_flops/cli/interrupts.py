"""Ctrl-C while torch is being imported."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_AGAIN_S = 0.05


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
    raise KeyboardInterrupt


def _importing(name: str) -> bool:
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))
