"""Somebody else's code: what it raises is an error of its own, and what it prints is dropped."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


class ForeignExit(Exception):  # noqa: N818  # not an Error by name: most are no error, such as sys.exit(0)
    """What would have ended the program, such as `sys.exit(0)` in a model's forward."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise ForeignExit for whatever is no Exception, but for Ctrl-C, which is the user's own."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        # By its own name, which messages show.
        raise type(type(error).__name__, (ForeignExit,), {})(*error.args) from error


@contextmanager
def silenced() -> Iterator[None]:
    """Drop what is printed, warned and logged, also below Python: none of it is our output."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            with _quiet_below_python():
                yield
    finally:
        logging.disable(disabled)


@contextmanager
def _quiet_below_python() -> Iterator[None]:
    """torch's profiler writes to the process's own stderr."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
