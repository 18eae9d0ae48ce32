"""Locks on files between processes, on systems that have POSIX ones."""

from __future__ import annotations

from importlib import import_module
from typing import Any

try:
    _FCNTL: Any = import_module("fcntl")
except ImportError:  # not a POSIX system
    _FCNTL = None
ARE_KNOWN = _FCNTL is not None


def lock(handle: int, *, wait: bool = False) -> None:
    """Take an open file for this process alone; BlockingIOError where another has it.

    Without POSIX locks, two processes that have one file are not told apart.
    """
    if ARE_KNOWN:
        _FCNTL.flock(handle, _FCNTL.LOCK_EX | (0 if wait else _FCNTL.LOCK_NB))
